"""The head stays in its frame whatever the driver does, and small motions are not changed."""

import math

import pytest
import torch
from torch import Tensor

from models.geometry.keep_in_frame import MIN_ROOM, UNBOUNDED, FrameBounds, ease, keep_in_frame
from models.geometry.retarget import Strength, retarget
from models.geometry.rig import Rig
from models.geometry.topology import HeadTransform
from tests.support.drivers import driver, rotation_of

HEAD = torch.tensor([[0.1, -0.2, 0.5, 1.6]])  # x, y, z, radius, canonical units
SCALE = 0.2
FRAME = (-0.9, -0.5, 0.9, 0.7)


def heads(zoom: Tensor, shift: Tensor, rotation: Tensor | None = None) -> HeadTransform:
    """Heads of N motions from rest: growth (N,), displacement (N, 2), rotation (N, 3, 3)."""
    rotation = torch.eye(3).expand(len(zoom), -1, -1) if rotation is None else rotation
    return HeadTransform(SCALE * zoom, rotation, torch.cat([shift, torch.zeros(len(zoom), 1)], 1))


def bounds(count: int, sides: tuple[float, ...] = FRAME) -> FrameBounds:
    return FrameBounds(HEAD.expand(count, -1), torch.tensor([sides]).expand(count, -1))


def circle(head: HeadTransform) -> tuple[Tensor, Tensor]:
    """Centre (N, 2) and radius (N, 1) of the head with hair on the canvas."""
    return head.apply(HEAD[:, None, :3].expand(len(head.scale), -1, -1))[:, 0, :2], (HEAD[:, 3] * head.scale)[:, None]


def random_motions(count: int) -> tuple[HeadTransform, HeadTransform]:
    generator = torch.Generator().manual_seed(3)
    zoom = torch.empty(count).uniform_(math.log(0.3), math.log(3), generator=generator).exp()
    shift = torch.randn(count, 2, generator=generator)
    angles = torch.empty(count, 2).uniform_(-1, 1, generator=generator)
    rotation = torch.cat([rotation_of(float(yaw), float(pitch)) for yaw, pitch in angles])
    return heads(torch.ones(count), torch.zeros(count, 2)), heads(zoom, shift, rotation)


def test_the_head_never_leaves_its_frame() -> None:
    rest, wanted = random_motions(2000)
    kept, share = keep_in_frame(rest, wanted, bounds(2000))
    centre, radius = circle(kept)
    left, top, right, bottom = FRAME
    assert (centre - radius >= torch.tensor([left, top]) - 1e-5).all()
    assert (centre + radius <= torch.tensor([right, bottom]) + 1e-5).all()
    assert circle(wanted)[0].abs().max() > 2  # these motions do leave it
    assert torch.equal(kept.rotation, wanted.rotation)
    assert ((share > 0) & (share <= 1)).all()


def test_small_motions_are_not_changed() -> None:
    zoom, shift = torch.tensor([1.0, 1.03, 0.9]), torch.tensor([[0.05, 0.03], [-0.04, -0.02], [0.1, 0.05]])
    rest, wanted = heads(torch.ones(3), torch.zeros(3, 2)), heads(zoom, shift)
    kept, share = keep_in_frame(rest, wanted, bounds(3))
    for part, expected in zip(kept, wanted, strict=True):
        assert torch.allclose(part, expected, rtol=1e-3, atol=1e-6)
    assert torch.allclose(share, torch.ones(3), atol=1e-3)


@pytest.mark.parametrize("axis", [0, 1])
def test_motion_eases_off_without_a_kink(axis: int) -> None:
    steps = torch.linspace(-2, 2, 4001)
    shift = torch.zeros(4001, 2)
    shift[:, axis] = steps
    kept, _ = keep_in_frame(heads(torch.ones(4001), torch.zeros(4001, 2)), heads(torch.ones(4001), shift), bounds(4001))
    slope = kept.shift[:, axis].double().diff() / steps.double().diff()
    assert slope.min() > -1e-3 and slope.max() < 1.01
    assert slope.diff().abs().max() < 0.02


def test_a_head_that_the_picture_cuts_may_still_move_a_little() -> None:
    tight = (-0.9, -0.2, 0.9, 0.9)  # the head reaches up to -0.36
    count = 101
    shift = torch.stack([torch.zeros(count), torch.linspace(-1, 0, count)], 1)
    kept, _ = keep_in_frame(
        heads(torch.ones(count), torch.zeros(count, 2)), heads(torch.ones(count), shift), bounds(count, tight)
    )
    moved = kept.shift[:, 1]
    assert moved[-1] == pytest.approx(0, abs=1e-6)
    assert moved[0] == pytest.approx(-MIN_ROOM * 1.6 * SCALE, rel=0.05)


def test_without_bounds_nothing_changes() -> None:
    rest, wanted = random_motions(50)
    free = bounds(50, (-UNBOUNDED, -UNBOUNDED, UNBOUNDED, UNBOUNDED))
    kept, _ = keep_in_frame(rest, wanted, free)
    for part, expected in zip(kept, wanted, strict=True):
        assert torch.allclose(part, expected, atol=1e-5)


def test_ease_stays_below_its_limit() -> None:
    value = torch.linspace(-3, 30, 200)
    eased = ease(value, torch.tensor(1.0), torch.tensor(0.4))
    assert (eased <= 1).all() and torch.equal(eased[value < 0.6], value[value < 0.6])


def test_retarget_keeps_the_head_in_at_double_strength_and_the_shoulders_with_it(rig: Rig) -> None:
    radius = 1.2
    frame = FrameBounds(torch.tensor([[0.0, 0.0, 0.3, radius]]), torch.tensor([[-0.6, -0.6, 0.6, 0.9]]))
    moving = driver(shift=(0.9, -0.5, 0.0))
    free = retarget(rig, moving, driver(), Strength(head=2.0))
    kept = retarget(rig, moving, driver(), Strength(head=2.0), frame)
    centre = kept.head.apply(frame.head[:, None, :3])[0, 0, :2]
    assert (centre + radius * kept.head.scale)[0] <= 0.6 + 1e-5
    assert (centre - radius * kept.head.scale)[1] >= -0.6 - 1e-5
    assert free.head.shift[0, 0] > 1
    assert (kept.body - rig.body[..., :3]).abs().max() < 0.5 * (free.body - rig.body[..., :3]).abs().max()
