"""Fingers move where the picture shows an open hand well enough, and nowhere else."""

import numpy as np
import pytest

from models.geometry.body import JOINTS, RIGHT_INDEX
from models.geometry.hand import INDEX_ROOT, MIDDLE_ROOT
from models.geometry.limb_curve import FINGERS, LIMB_SAMPLES, LIMBS, SEGMENTS_OF_LIMB
from streamer.rigging.canvas import Array
from streamer.rigging.finger_outline import find_fingers
from streamer.rigging.limb_outline import LimbOutlines
from streamer.tracking.motion import CONFIDENCE
from tests.support.bodies import figure_hands

SIZE = 512
WHOLE = np.array([-1, -1, 1, 1], np.float32)


def find(hands: Array, alpha: float = 1.0, body: Array | None = None, arms: bool = True, borders: Array = WHOLE):
    """What `find_fingers` says of hands of a person whose face is far away."""
    shown = np.full((LIMBS, SEGMENTS_OF_LIMB), float(arms), np.float32)
    limbs = LimbOutlines(np.ones((LIMBS, LIMB_SAMPLES, 2), np.float32), shown, borders)
    face = np.full((478, 3), -0.9, np.float32)
    body = np.zeros((JOINTS, 4), np.float32) if body is None else body
    return find_fingers(np.full((SIZE, SIZE), alpha, np.float32), face, body, hands, limbs)


@pytest.fixture
def hands() -> Array:
    return np.asarray(figure_hands()[0].numpy().copy())


def test_the_fingers_of_an_open_hand_are_found(hands: Array) -> None:
    found = find(hands)
    assert found.radii.shape == (2 * FINGERS, LIMB_SAMPLES, 2)
    assert found.shown.tolist() == [1] * FINGERS + [0] * FINGERS
    middle = found.radii[2, LIMB_SAMPLES // 2].mean()
    assert 0.006 < middle < 0.02  # a fifth of the palm's width or so


def scaled(hands: Array, factor: float) -> Array:
    hands[0, :, :2] = hands[0, 0, :2] + factor * (hands[0, :, :2] - hands[0, 0, :2])
    return hands


def test_hands_without_fingers_that_can_be_told_apart_stay_rigid(hands: Array) -> None:
    assert find(scaled(hands.copy(), 0.3)) is None  # small
    unsure, aside, fist, bent = (hands.copy() for _ in range(4))
    unsure[0, :, CONFIDENCE] = 0.5
    assert find(unsure) is None
    aside[0, :, 0] = aside[0, 0, 0] + 0.2 * (aside[0, :, 0] - aside[0, 0, 0])
    assert find(aside) is None
    for root in range(INDEX_ROOT, 21, 4):
        fist[0, root + 1 : root + 4, :2] = fist[0, root, :2] + 0.2 * (
            fist[0, root + 1 : root + 4, :2] - fist[0, root, :2]
        )
    assert find(fist) is None
    bent[0, MIDDLE_ROOT + 3, :2] = bent[0, MIDDLE_ROOT + 1, :2]
    assert find(bent) is None


def test_hands_that_the_picture_hides_stay_rigid(hands: Array) -> None:
    assert find(hands, alpha=0.0) is None
    assert find(hands, borders=np.array([-1, -1, 1, 0.2], np.float32)) is None
    assert find(hands, arms=False) is None
    other = np.zeros((JOINTS, 4), np.float32)
    other[RIGHT_INDEX, :2] = hands[0, MIDDLE_ROOT, :2]
    assert find(hands, body=other) is None
