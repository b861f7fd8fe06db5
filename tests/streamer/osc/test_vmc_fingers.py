"""Fingers as rotations of a humanoid's bones: put onto a T-pose, they give the driver's own directions."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from streamer.osc.quaternions import IDENTITY, Quaternion, about, angle, product, rotated
from streamer.osc.vmc_bones import SIDES, outwards
from streamer.osc.vmc_fingers import NAMES, RELAXED, VmcFingers, finger_rotations
from tests.support.hands import DOWN, FIRST, FRONT, hand_of


def directions(rotations: list[Quaternion], side: int, turn: Quaternion) -> dict[str, np.ndarray]:
    """Where each bone of a T-pose points with these rotations, of a hand that is turned."""
    found = {}
    for finger in ("Thumb", *FIRST):
        rest = (outwards(side) + FRONT) / math.sqrt(2) if finger == "Thumb" else outwards(side)
        held = turn
        for name, rotation in zip(NAMES, rotations, strict=True):
            if name.startswith(finger):
                held = product(held, rotation)
                found[name] = rotated(held, rest)
    return found


TURNS = [IDENTITY, about(FRONT, 1.2), product(about(np.array([0.6, 0.0, 0.8]), 2.0), about(DOWN, -0.7))]


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize(
    ("bends", "spread", "thumb"),
    [((0, 0, 0), 0, 0), ((0, 0, 0), 15, 0), ((80, 100, 60), 0, 40), ((20, 30, 10), 0, -30)],
    ids=["flat", "spread", "fist", "relaxed"],
)
def test_fingers_point_as_the_drivers(
    side: int, turn: Quaternion, bends: tuple[float, float, float], spread: float, thumb: float
) -> None:
    points = hand_of(side, bends, spread, thumb, turn)
    rotations = finger_rotations(points, side)
    assert rotations is not None
    found = directions(rotations, side, turn)
    for finger, first in {"Thumb": 1, **FIRST}.items():
        ways = [-(points[end] - points[start]) for start, end in pairwise(range(first, first + 4))]
        for part, way in zip(("Proximal", "Intermediate", "Distal"), ways, strict=True):
            assert found[finger + part] == pytest.approx(way / np.linalg.norm(way), abs=1e-4), finger + part


def test_a_flat_hand_is_that_of_a_t_pose_and_a_fist_bends_about_one_axis() -> None:
    """Unity: the left hand's fingers point to −x and bend down, about z; those of the right hand the other way."""
    for side, sign in enumerate((1, -1)):
        flat = finger_rotations(hand_of(side, (0, 0, 0), 0, 0, IDENTITY), side)
        assert flat is not None and np.array(flat) == pytest.approx(np.array([IDENTITY] * 15), abs=1e-5)
        fist = finger_rotations(hand_of(side, (80, 100, 60), 0, 0, IDENTITY), side)
        assert fist is not None
        index = dict(zip(NAMES, fist, strict=True))
        for part, degrees in (("Proximal", 80), ("Intermediate", 100), ("Distal", 60)):
            assert index[f"Index{part}"] == pytest.approx(about(FRONT, sign * math.radians(degrees)), abs=1e-4)


def test_what_a_finger_cannot_do_is_limited() -> None:
    back = finger_rotations(hand_of(0, (-40, -40, -40), 0, 0, IDENTITY), 0)
    assert back is not None
    bent = dict(zip(NAMES, map(angle, back), strict=True))
    assert bent["IndexProximal"] == pytest.approx(math.radians(25), abs=1e-4)
    assert bent["IndexIntermediate"] == bent["IndexDistal"] == pytest.approx(math.radians(10), abs=1e-4)


@pytest.mark.parametrize("points", [np.zeros((21, 3)), np.arange(63).reshape(21, 3)])
def test_a_palm_without_a_plane_tells_nothing(points: np.ndarray) -> None:
    assert finger_rotations(points.astype(np.float32), 0) is None


def test_fingers_are_sent_once_they_were_seen_and_go_to_rest_when_they_are_not() -> None:
    fingers = VmcFingers(1)
    assert fingers.bones(None, 0.1) == []
    fist = hand_of(1, (80, 100, 60), 0, 0, IDENTITY)
    for _ in range(6):
        bones = fingers.bones(fist, 0.1)
    assert [bone.name for bone in bones] == [SIDES[1] + name for name in NAMES]
    assert all(bone.place[0] > 0 for bone in bones)
    index = {bone.name: angle(bone.rotation) for bone in bones}["RightIndexProximal"]
    assert index == pytest.approx(math.radians(80), abs=1e-4)
    for _ in range(6):
        bones = fingers.bones(None, 0.1)
    rest = {bone.name: angle(bone.rotation) for bone in bones}
    assert rest["RightLittleDistal"] == pytest.approx(RELAXED) and rest["RightThumbDistal"] == 0
