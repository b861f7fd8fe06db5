"""Constant turns of head and gaze, added to the driver's."""

import math
from dataclasses import fields

import pytest
import torch
from torch import Tensor

from models.geometry.offsets import EYEBALL_RADIUS, NECK, Offsets
from models.geometry.openings import EYES, eye_width
from models.geometry.retarget import Pose, Strength, retarget
from models.geometry.rig import Rig
from models.geometry.topology import HeadTransform
from models.geometry.turn_limit import EASED_TURN, about_axis, yaw_of
from tests.support.drivers import driver, rotation_of

STILL = (0.0, 0.0)


def turned(*degrees: float, gaze: tuple[float, float] = STILL) -> Offsets:
    """Turns about x, y and z."""
    return Offsets(torch.tensor([degrees or (0.0, 0.0, 0.0)]).deg2rad(), torch.tensor([gaze]).deg2rad())


def angle_of(rotation: Tensor) -> float:
    """Degrees of a rotation (1, 3, 3) about whatever axis."""
    return math.degrees(math.acos(min(1.0, (float(rotation[0].trace()) - 1) / 2)))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("degrees", [-25.0, 12.0])
def test_an_offset_turns_a_still_head_by_these_degrees(rig: Rig, axis: int, degrees: float) -> None:
    turn = [0.0, 0.0, 0.0]
    turn[axis] = degrees
    pose = retarget(rig, driver(), driver(), offsets=turned(*turn))
    expected = about_axis(torch.tensor([math.radians(degrees)]), axis)
    assert torch.allclose(pose.rotation, expected, atol=1e-5)
    assert angle_of(pose.rotation) == pytest.approx(abs(degrees), abs=0.05)


def test_the_neck_stays_where_it_is(rig: Rig) -> None:
    pose = retarget(rig, driver(), driver(), offsets=turned(10.0, 20.0, 15.0))
    neck = torch.tensor([[NECK]])
    assert torch.allclose(pose.head.apply(neck), rig.head.apply(neck), atol=1e-5)


def test_the_offset_comes_on_top_of_the_drivers_turn_and_has_no_strength(rig: Rig) -> None:
    for strength, share in ((1.0, 1.0), (0.0, 0.0), (0.5, 0.5)):
        pose = retarget(
            rig, driver(rotation=rotation_of(0.3)), driver(), Strength(head=strength), offsets=turned(0.0, 20.0, 0.0)
        )
        assert torch.allclose(pose.rotation, rotation_of(0.3 * share + math.radians(20)), atol=1e-3)


def test_an_offset_against_the_drivers_turn_gives_the_pictures_own_pose(rig: Rig) -> None:
    pose = retarget(rig, driver(rotation=rotation_of(math.radians(20))), driver(), offsets=turned(0.0, -20.0, 0.0))
    assert angle_of(pose.rotation) < 0.1


def test_the_limit_of_turns_holds_with_an_offset(rig: Rig) -> None:
    pose = retarget(rig, driver(rotation=rotation_of(1.2)), driver(), offsets=turned(0.0, 45.0, 0.0))
    assert float(yaw_of(pose.head)) <= float(rig.turn_limit) + EASED_TURN + 1e-3


@pytest.mark.parametrize(("gaze", "axis", "sign"), [((0.0, 20.0), 0, -1), ((15.0, 0.0), 1, 1)])
def test_a_gaze_offset_moves_the_irises_alone(rig: Rig, gaze: tuple[float, float], axis: int, sign: int) -> None:
    plain, moved = (retarget(rig, driver(), driver(), offsets=turned(gaze=each)) for each in (STILL, gaze))
    change, rest = moved.local - plain.local, rig.head.inverse(rig.face)
    for ring, iris in EYES:
        shift = sign * EYEBALL_RADIUS * math.sin(math.radians(max(gaze))) * eye_width(rest, ring)
        assert torch.allclose(change[:, iris : iris + 5, axis], shift.expand(1, 5), atol=1e-6)
        assert torch.equal(change[:, iris : iris + 5, 1 - axis], torch.zeros(1, 5))
    assert torch.equal(moved.local[:, :468], plain.local[:, :468]) and torch.equal(moved.rotation, plain.rotation)


def test_no_offset_is_byte_identical_to_none(rig: Rig) -> None:
    tracked = driver(rotation=rotation_of(0.3, 0.2), shift=(0.05, -0.1, 0.02))
    plain, zero = (retarget(rig, tracked, driver(), offsets=each) for each in (None, turned()))
    for field in fields(Pose):
        one, other = getattr(plain, field.name), getattr(zero, field.name)
        pairs = zip(one, other, strict=True) if isinstance(one, HeadTransform) else [(one, other)]
        assert all(torch.equal(a, b) for a, b in pairs), field.name
