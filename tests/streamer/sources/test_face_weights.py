"""A face that was made of weights is found again, from motion to motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.geometry.expressions import INDEX, NAMES
from streamer.sources.acting import act_out
from streamer.sources.acts import face
from streamer.sources.expression import Expression, weights
from streamer.sources.face_weights import FaceWeights
from streamer.tracking.motion import Motion
from streamer.tracking.presence import NEUTRAL

MADE = {
    "mouthSmile_L": 0.8,
    "mouthSmile_R": 0.2,
    "jawOpen": 0.5,
    "browDown_L": 0.7,
    "eyeBlink_R": 1.0,
    "eyeLookUp_L": 0.6,
}


def making(turn: tuple[float, float, float] = (0.0, 0.0, 0.0), **made: float) -> Motion:
    return act_out(NEUTRAL, NEUTRAL, Expression(weights(**made), turn=np.array(turn, np.float32)))[0]


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (0.1, -0.3, 0.1)])
def test_the_weights_of_a_face_are_found_whatever_the_heads_turn(turn: tuple[float, float, float]) -> None:
    found = FaceWeights().measure(making(turn, **MADE), NEUTRAL)
    assert found == pytest.approx(weights(**MADE), abs=0.2)


def test_noise_makes_little_of_it() -> None:
    motion = making(**MADE)
    assert motion.face is not None
    jitter = np.random.default_rng(5).normal(0, 0.002, motion.face.shape).astype(np.float32)
    found = FaceWeights().measure(replace(motion, face=motion.face + jitter), NEUTRAL)
    assert found == pytest.approx(weights(**MADE), abs=0.25)


@pytest.mark.parametrize("name", ["jawOpen", "mouthSmile", "eyeBlink", "browDown", "eyeLookDown", "cheekPuff"])
def test_one_shape_is_found_and_no_other(name: str) -> None:
    found = FaceWeights().measure(making(**{name: 0.8}), NEUTRAL)
    assert found == pytest.approx(weights(**{name: 0.8}), abs=0.1)


def test_eyes_look_one_way_alone() -> None:
    found = FaceWeights().measure(making(eyeLookUp=0.9, eyeLookDown=0.5, eyeLookIn_L=0.8, eyeLookOut_R=0.8), NEUTRAL)
    for one, other in (("Up_L", "Down_L"), ("Up_R", "Down_R"), ("In_L", "Out_L"), ("In_R", "Out_R")):
        assert min(found[INDEX[f"eyeLook{one}"]], found[INDEX[f"eyeLook{other}"]]) == 0
    assert found[INDEX["eyeLookIn_L"]] > 0.6 and found[INDEX["eyeLookOut_R"]] > 0.6


def test_each_motion_counts_and_none_before_it() -> None:
    measured = FaceWeights()
    for step in range(20):
        measured.measure(making(**{NAMES[step]: 1.0}), NEUTRAL)
    assert measured.measure(NEUTRAL, NEUTRAL) == pytest.approx(weights(), abs=0.03)
    assert measured.measure(making(jawOpen=1.0), NEUTRAL) == pytest.approx(weights(jawOpen=1.0), abs=0.05)


def test_lids_say_how_shut_eyes_are_where_they_are_measured() -> None:
    lids = np.array([[0.25, 1.0], [0.25, 0.0]], np.float32)  # of the right and the left eye
    found = FaceWeights().measure(replace(NEUTRAL, lids=lids), NEUTRAL)
    assert found[INDEX["eyeBlink_R"]] == pytest.approx(0.75) and found[INDEX["eyeBlink_L"]] == pytest.approx(
        0, abs=0.02
    )


def test_weights_stay_between_0_and_1() -> None:
    found = FaceWeights().measure(act_out(NEUTRAL, NEUTRAL, face("laugh", 0.0))[0], NEUTRAL)
    assert found.min() >= 0 and found.max() <= 1


def test_a_motion_needs_a_face() -> None:
    with pytest.raises(ValueError, match="face"):
        FaceWeights().measure(Motion(0.0), NEUTRAL)
