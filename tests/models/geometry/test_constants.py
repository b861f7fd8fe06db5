"""Constants are made once per device, and a frame copies nothing from the host."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.closeups.patches import CloseupEdit, Patch
from models.closeups.window import VIEWS, Window
from models.compositor import compose
from models.config import GUIDE_SIDE
from models.dit import Edit
from models.geometry.constants import const_floats, const_index, gather_rows, scatter_rows
from models.geometry.guidance import make_guidance
from models.geometry.keep_in_frame import FrameBounds
from models.geometry.limb_curve import PIECES
from models.geometry.offsets import Offsets
from models.geometry.retarget import retarget
from models.geometry.rig import Rig
from models.motion import Driver
from tests.support.drivers import all_strengths
from tests.support.faces import drawn_face
from tests.support.host_access import HostAccessGuard, uncovered_mesh

CPU = torch.device("cpu")


def test_const_floats_and_const_index_are_cached_by_their_values() -> None:
    with torch.inference_mode():
        assert const_index((3, 1), CPU) is const_index((3, 1), CPU)
        assert const_floats(((1, 2.5),), CPU) is const_floats(((1.0, 2.5),), CPU)
    assert const_index((), CPU).dtype == torch.long and const_floats((1,), CPU).dtype == torch.float32
    assert not const_index((3, 1), CPU).is_inference() and not const_floats(((1, 2.5),), CPU).is_inference()


def test_gather_rows_and_scatter_rows_address_rows_by_number() -> None:
    x = torch.arange(24.0).view(2, 4, 3)
    assert torch.equal(gather_rows(x, (2, 0)), x[:, [2, 0]]) and gather_rows(x, ()).shape == (2, 0, 3)
    changed = scatter_rows(x, (3, 1), -gather_rows(x, (3, 1)))
    assert torch.equal(changed[:, [0, 2]], x[:, [0, 2]]) and torch.equal(changed[:, [1, 3]], -x[:, [1, 3]])


@pytest.mark.parametrize("make", [lambda x: x.new_tensor(1.0), lambda _: torch.tensor(1.0), lambda x: x.item()])
def test_the_guard_sees_values_of_the_host(make: Callable[[Tensor], object]) -> None:
    with HostAccessGuard(), pytest.raises(AssertionError, match="to be recorded"):
        make(torch.ones(()))


def patches(rig: Rig) -> list[Patch]:
    """Patches of all views, with every map 0.5."""

    def maps(channels: int, side: int) -> Tensor:
        return rig.focus.new_full((len(rig), channels, side, side), 0.5)

    done = CloseupEdit(maps(2, 8), maps(1, 16), maps(3, 16), maps(1, 16))
    return [Patch(Window.of(view, rig.head), done) for view in VIEWS]


@pytest.mark.parametrize("full_canvas", [False, True])
def test_a_frame_copies_nothing_from_the_host(full_canvas: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On torch's meta device, where reading a value fails, as it does while a CUDA graph is recorded."""
    monkeypatch.setenv("KAGAMI_KERNELS", "reference")
    for module in ("guidance", "head_surface", "limb_motion"):
        monkeypatch.setattr(f"models.geometry.{module}.draw_mesh", uncovered_mesh)
    rig = replace(Rig.stack([drawn_face(64, 0.35 if full_canvas else 0.22)] * 2).to("meta"), pieces=PIECES)
    assert rig.full_canvas == full_canvas
    driver = Driver(rig.face, rig.body, rig.face.new_zeros(2, 2, 21, 4))
    strength = all_strengths(2, "meta")
    bounds = FrameBounds(rig.focus.new_ones(2, 4), rig.focus.new_ones(2, 4))
    offsets = Offsets(rig.focus.new_ones(2, 3), rig.focus.new_ones(2, 2))
    sides = ((2, GUIDE_SIDE), (1, 16), (3, 16), (1, GUIDE_SIDE))
    edit = Edit(*(rig.focus.new_full((2, channels, side, side), 0.5) for channels, side in sides))

    def frame() -> Tensor:
        pose = retarget(rig, driver, driver, strength, bounds, offsets)
        return compose(rig, make_guidance(rig, pose), edit, rig.plate, patches(rig))

    frame()
    with HostAccessGuard(), torch.inference_mode():
        assert frame().shape == (2, 4, 64, 64)
