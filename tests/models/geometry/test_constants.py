"""What is made of Python numbers is made once, and a frame makes nothing anew."""

import pytest
import torch
from torch import Tensor

from kernels.mesh import Bucket
from models.closeups.patches import CloseupEdit, Patch
from models.closeups.window import VIEWS, Window
from models.compositor import compose
from models.config import GUIDE_SIDE
from models.dit import Edit
from models.geometry.constants import const_floats, const_index, gather_rows, scatter_rows
from models.geometry.guidance import make_guidance
from models.geometry.retarget import Strength, retarget
from models.geometry.rig import Rig
from models.motion import Driver
from tests.support.faces import drawn_face
from tests.support.host import Alert

CPU = torch.device("cpu")


def test_the_same_numbers_are_the_same_tensor() -> None:
    with torch.inference_mode():
        assert const_index((3, 1), CPU) is const_index((3, 1), CPU)
        assert const_floats(((1, 2.5),), CPU) is const_floats(((1.0, 2.5),), CPU)
    assert const_index((), CPU).dtype == torch.long and const_floats((1,), CPU).dtype == torch.float32
    assert not const_index((3, 1), CPU).is_inference() and not const_floats(((1, 2.5),), CPU).is_inference()


def test_rows_are_taken_and_put_by_number() -> None:
    x = torch.arange(24.0).view(2, 4, 3)
    assert torch.equal(gather_rows(x, (2, 0)), x[:, [2, 0]]) and gather_rows(x, ()).shape == (2, 0, 3)
    changed = scatter_rows(x, (3, 1), -gather_rows(x, (3, 1)))
    assert torch.equal(changed[:, [0, 2]], x[:, [0, 2]]) and torch.equal(changed[:, [1, 3]], -x[:, [1, 3]])


def drawn_nowhere(points: Tensor, buckets: list[Bucket], values: Tensor, size: int) -> Tensor:
    """Instead of `draw_mesh`, whose reference asks which cells are covered; its twin for devices has its own tests."""
    assert all(bucket.shown is None or len(bucket.shown) == len(points) for bucket in buckets)
    return points.new_empty(len(points), values.shape[-1], size, size)


def patches(rig: Rig) -> list[Patch]:
    def maps(channels: int, side: int) -> Tensor:
        return rig.focus.new_full((len(rig), channels, side, side), 0.5)

    done = CloseupEdit(maps(2, 8), maps(1, 16), maps(3, 16), maps(1, 16))
    return [Patch(Window.of(view, rig.head), done) for view in VIEWS]


@pytest.mark.parametrize("whole", [False, True])
def test_a_frame_asks_nothing_of_the_host(whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device without numbers, where whatever wants to see one breaks, as a recording does."""
    monkeypatch.setenv("KAGAMI_KERNELS", "reference")
    monkeypatch.setattr("models.geometry.guidance.draw_mesh", drawn_nowhere)
    rig = Rig.stack([drawn_face(64, 0.35 if whole else 0.22)] * 2).to("meta")
    assert rig.full_canvas == whole
    driver = Driver(rig.face, rig.body, rig.face.new_zeros(2, 2, 21, 4))
    strength = Strength(*torch.ones(5, 2, device="meta"))
    sides = ((2, GUIDE_SIDE), (1, 16), (3, 16), (1, GUIDE_SIDE))
    edit = Edit(*(rig.focus.new_full((2, channels, side, side), 0.5) for channels, side in sides))

    def frame() -> Tensor:
        pose = retarget(rig, driver, driver, strength)
        return compose(rig, make_guidance(rig, pose), edit, rig.plate, patches(rig))

    frame()
    with Alert(), torch.inference_mode():
        assert frame().shape == (2, 4, 64, 64)
