"""Recorded programs of retargeting and guidance agree with the functions themselves, for pictures of every kind."""

import gc
import weakref
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from models.geometry.guidance import make_guidance
from models.geometry.kind import Kind
from models.geometry.rig import Rig
from models.motion import Driver
from streamer.generation.driver_batch import DriverBatch
from streamer.generation.eager_frame import retarget_batch, still_batch
from streamer.generation.recorded_function import RecordedFunction
from streamer.generation.tensor_tree import iter_tensors
from tests.support.bodies import drawn_figure, figure_hands
from tests.support.drivers import rotation_of
from tests.support.faces import drawn_face
from tests.support.solid_heads import picture_of

pytestmark = pytest.mark.usefixtures("one_thread")
ROUNDING = 2e-4  # of flows and colours; the plain functions differ by as much from one machine to the next
SIDE = 128


def no_person() -> Rig:
    """A face on what is no head, without lids and teeth."""
    portrait = drawn_face(SIDE)
    kind = Kind(*(torch.zeros(1) for _ in Kind._fields))
    return Rig.build(portrait.image, portrait.matte, portrait.face, kind=kind)


PICTURES = {
    "portrait": lambda: drawn_face(SIDE),
    "no person": no_person,
    "profile": lambda: Rig.build(*picture_of(60)[:3]),
    "body": lambda: drawn_figure(SIDE),
    "body with hands": lambda: drawn_figure(SIDE, figure_hands()),
}


def moved(batch: DriverBatch, step: int) -> DriverBatch:
    """Drivers who turn and shift, open their mouths and move their limbs, more with each step; some are lost."""
    noise = torch.Generator().manual_seed(step)

    def change(value: Tensor, size: float) -> Tensor:
        return value + size * step * torch.randn(value.shape, generator=noise)

    face = batch.current.face @ rotation_of(0.15 * step, -0.1 * step).mT
    face = change(face + torch.tensor([0.05 * step, 0.02, 0.0]), 0.002)
    body = change(batch.current.body, 0.01)
    body[..., 3] = torch.rand(body.shape[:2], generator=noise)
    hands = change(batch.current.hands, 0.05)
    current = Driver(face, body, hands, *(change(getattr(batch.current, n), 0.05) for n in ("torso", "shade", "mouth")))
    if step == 3:  # what a broken tracker may send
        current = replace(current, body=current.body * float("nan"))
    strength = replace(
        batch.strength, **{name: torch.full((1,), 0.6 + 0.2 * step) for name in ("face", "body", "hands")}
    )
    return replace(batch, current=current, strength=strength)


@pytest.mark.parametrize("name", PICTURES)
@torch.inference_mode()
def test_recorded_pose_and_guidance_are_those_of_the_functions(name: str) -> None:
    rig = PICTURES[name]()
    pose_of, guidance_of = RecordedFunction(retarget_batch), RecordedFunction(make_guidance)
    still = still_batch(rig)
    for step in range(4):
        drivers = moved(still, step)
        pose = retarget_batch(rig, drivers)
        guidance = make_guidance(rig, pose)
        found_pose = pose_of((rig,), drivers)
        found = guidance_of((rig,), pose)
        for mine, theirs in zip(iter_tensors(found_pose), iter_tensors(pose), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)
        for mine, theirs in zip(iter_tensors(found), iter_tensors(guidance), strict=True):
            assert mine.shape == theirs.shape and mine.dtype == theirs.dtype
            # A cell that a mesh covers by a rounding error may be covered in one of them and not in the other.
            assert float(((mine - theirs).abs() > ROUNDING).float().mean()) < 1e-3
            assert float((mine - theirs).abs().mean()) < ROUNDING


@dataclass(frozen=True, eq=False)
class Scaled:
    """A picture of its own kind, for functions that count how often they are called."""

    factor: Tensor


class Counted:
    """Two results, one of which the picture alone decides."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, picture: Scaled, inputs: list[Tensor], name: str) -> dict[str, Tensor] | tuple[Tensor, Tensor]:
        self.calls += 1
        return picture.factor * 2, sum(inputs) * picture.factor


def test_each_picture_and_each_form_is_recorded_once() -> None:
    function = Counted()
    recorded = RecordedFunction(function)
    pictures = [Scaled(torch.tensor([2.0])), Scaled(torch.tensor([3.0]))]
    for value in (1.0, 2.0):
        for picture in pictures:
            for shape in ((2,), (4,)):
                inputs = [torch.full(shape, value), torch.ones(shape)]
                _, found = recorded((picture,), inputs, "a")
                torch.testing.assert_close(found, (inputs[0] + 1) * picture.factor)
    assert function.calls == 4


def test_recordings_end_with_their_pictures() -> None:
    recorded, picture = RecordedFunction(Counted()), Scaled(torch.ones(1))
    recorded((picture,), [torch.ones(2)], "a")
    gone = weakref.ref(picture)
    del picture
    gc.collect()
    assert gone() is None and len(recorded._recordings) == 0


def test_functions_that_look_at_values_are_called_as_they_are() -> None:
    recorded = RecordedFunction(lambda picture, value: value + 1 if value.sum() > 0 else value)
    picture = Scaled(torch.ones(1))
    assert recorded((picture,), torch.ones(2)).tolist() == [2, 2]
    assert recorded((picture,), -torch.ones(2)).tolist() == [-1, -1]


def test_without_numba_the_function_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGAMI_KERNELS", "reference")
    function = Counted()
    recorded, picture = RecordedFunction(function), Scaled(torch.ones(1))
    for _ in range(3):
        recorded((picture,), [torch.ones(2)], "a")
    assert function.calls == 3
