"""Eyes as bones of a humanoid: where they look is where the blendshapes look."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streamer.osc.blendshape_names import LOOK_RADIANS, face_weights, look_values
from streamer.osc.quaternions import IDENTITY, rotated
from streamer.osc.vmc_eyes import eye_bones, look_angles
from streamer.sources.expression import weights


@pytest.mark.parametrize(
    ("shapes", "look"),
    [
        ({"eyeLookOut_L": 1.0, "eyeLookIn_R": 1.0}, (-math.sin(LOOK_RADIANS), 0, math.cos(LOOK_RADIANS))),
        ({"eyeLookIn_L": 1.0, "eyeLookOut_R": 1.0}, (math.sin(LOOK_RADIANS), 0, math.cos(LOOK_RADIANS))),
        ({"eyeLookUp": 1.0}, (0, math.sin(LOOK_RADIANS), math.cos(LOOK_RADIANS))),
        ({"eyeLookDown": 1.0}, (0, -math.sin(LOOK_RADIANS), math.cos(LOOK_RADIANS))),
        ({}, (0, 0, 1)),
    ],
    ids=["left", "right", "up", "down", "ahead"],
)
def test_eyes_turn_to_the_drivers_own_sides(shapes: dict[str, float], look: tuple[float, float, float]) -> None:
    """Unity: x to the character's own right, y up, z where it looks."""
    left, right = eye_bones(weights(**shapes))
    assert (left.name, right.name) == ("LeftEye", "RightEye") and left.place[0] < 0 < right.place[0]
    for bone in (left, right):
        assert rotated(bone.rotation, [0, 0, 1]) == pytest.approx(look, abs=1e-6)


def test_eyes_of_no_look_are_not_turned() -> None:
    assert all(bone.rotation == pytest.approx(IDENTITY) for bone in eye_bones(weights(jawOpen=1.0, eyeBlink=1.0)))


def test_angles_are_those_that_weights_are_made_of() -> None:
    looks = ((0.2, 0.3), (-0.1, -0.25))
    made, _ = face_weights(look_values(*looks))
    assert np.array([look_angles(made, side) for side in range(2)]) == pytest.approx(np.array(looks), abs=1e-6)
