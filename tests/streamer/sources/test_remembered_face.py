"""A remembered face: measured from landmarks, it is the face that was made."""

from __future__ import annotations

import numpy as np
import pytest

from models.geometry.expressions import INDEX
from streamer.sources.acting import act_out
from streamer.sources.expression import Expression, weights
from streamer.sources.remembered_face import RememberedFace, remember
from streamer.tracking.motion import Motion
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.tracker import TrackedMotion

MADE = {
    "mouthSmile_L": 0.8,
    "mouthSmile_R": 0.2,
    "jawOpen": 0.5,
    "browDown_L": 0.7,
    "browDown_R": 0.7,
    "eyeBlink_R": 1.0,
}


def tracked(motion: Motion) -> TrackedMotion:
    return TrackedMotion(motion, NEUTRAL, "live", 1.0)


def making(noise: float = 0.0, seed: int = 0) -> TrackedMotion:
    made = Expression(weights(**MADE), turn=np.array([0.1, -0.2, 0.05], np.float32))
    motion, _ = act_out(NEUTRAL, NEUTRAL, made)
    assert motion.face is not None
    jitter = np.random.default_rng(seed).normal(0, noise, motion.face.shape).astype(np.float32)
    return tracked(Motion.still(motion.face + jitter))


@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_remember_finds_the_face_and_the_turn(noise: float) -> None:
    face = remember([making(noise, seed) for seed in range(9)])
    for name, value in MADE.items():
        assert face.weights.get(name, 0) == pytest.approx(value, abs=0.12), name
    others = {name: value for name, value in face.weights.items() if name not in MADE}
    assert sum(others.values()) < 0.5, others
    assert face.turn == pytest.approx((0.1, -0.2, 0.05), abs=0.03)


def test_a_face_at_rest_has_no_weights() -> None:
    assert remember([tracked(NEUTRAL)]) == RememberedFace({})


def test_remember_needs_a_face() -> None:
    with pytest.raises(ValueError, match="face"):
        remember([tracked(Motion(0.0))])


def test_expression_shows_the_weights_and_leaves_room_for_speech() -> None:
    shown = RememberedFace({"jawOpen": 0.5}, (0.1, 0, 0)).expression
    assert shown.weights[INDEX["jawOpen"]] == 0.5 and 0 < shown.kept.min() < shown.kept.max() < 1
    assert shown.turn == pytest.approx([0.1, 0, 0])
    with pytest.raises(KeyError):
        RememberedFace({"grin": 1.0}).expression  # noqa: B018
