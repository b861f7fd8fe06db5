"""The mouth is measured, and put to rest where it was never seen there."""

import numpy as np
import pytest

from models.geometry.topology import CHIN, FOREHEAD
from streamer.tracking.head_pose import CANONICAL, head_pose
from streamer.tracking.lips import lip_opening, lip_width, resting_mouth
from tests.support.people import person


def shape(**face):
    motion = person(**face)
    return head_pose(motion.face).inverse(motion.face)


def test_lips_are_measured_in_the_units_of_the_shape():
    wide = shape(mouth=0.2, smile=0.3)
    assert lip_opening(wide) == pytest.approx(0.2, abs=0.01)
    assert lip_width(wide) == pytest.approx(1.28 * lip_width(CANONICAL), rel=0.03)
    assert lip_opening(2 * wide) == pytest.approx(2 * lip_opening(wide))


def test_a_resting_mouth_is_shut_and_of_usual_width_and_stays_in_its_place():
    laughing = shape(mouth=0.3, smile=0.4)
    laughing[:, 1] += 0.05
    at_rest = resting_mouth(laughing, 1.0)
    assert abs(lip_opening(at_rest)) < 0.03 and lip_width(at_rest) == pytest.approx(lip_width(CANONICAL), rel=0.05)
    np.testing.assert_array_equal(resting_mouth(laughing, 0.0), laughing)
    far = np.linalg.norm(at_rest - laughing, axis=1)
    assert far[FOREHEAD] < 1e-3 and far[CHIN] < 0.15
    assert lip_opening(resting_mouth(laughing, 0.5)) == pytest.approx(0.15, abs=0.02)
