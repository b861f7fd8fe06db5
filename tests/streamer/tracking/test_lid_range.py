"""Openness in the driver's own range; both eyes are one unless they truly differ."""

import numpy as np
import pytest

from streamer.tracking.head_pose import head_pose
from streamer.tracking.lid_range import OPENNESS_LIMIT, RANGE_SPEED, WINK_S, LidRange
from tests.support.people import STEP, person


def shape(*eyes):
    """Canonical shape with these openings of the right and the left eye."""
    face = person(eyes=eyes).face
    return head_pose(face).inverse(face)


def learnt(*usual):
    """The range of a driver who has looked around for ten seconds and blinked."""
    lids = LidRange()
    for i in range(250):
        lids.learn(shape(*usual) if i % 20 else shape(0.12, 0.12), STEP)
    lids.settle()
    return lids


def test_openness_is_one_as_usual_and_zero_when_shut():
    for usual in ((1.0, 1.0), (0.6, 0.6), (1.1, 0.8)):
        lids = learnt(*usual)
        np.testing.assert_allclose(lids.openness(shape(*usual)), 1, atol=0.05)
        assert lids.openness(shape(0.12, 0.12)).max() < 0.1


def test_openness_of_eyes_is_learnt_though_the_driver_looks_down_most_of_the_time():
    lids = LidRange()
    for i in range(500):
        lids.learn(shape(1.0, 1.0) if i % 4 == 0 else shape(0.4, 0.4), STEP)
    lids.settle()
    np.testing.assert_allclose(lids.openness(shape(1.0, 1.0)), 1, atol=0.05)
    assert 0.15 < lids.openness(shape(0.4, 0.4))[0] < 0.4  # half shut, and not shut


def test_a_tired_eye_does_not_shut_before_the_other():
    lids = learnt(1.0, 0.75)
    for openness in np.concatenate([np.linspace(1, 0.12, 10), np.linspace(0.12, 1, 10)]):
        right, left = lids.tied(shape(openness, 0.75 * openness if openness > 0.5 else 0.6 * openness), STEP)
        assert abs(right - left) < 0.05 and (right == left or min(right, left) > 0.5)


def test_a_wink_stays_a_wink():
    lids = learnt(1.0, 1.0)
    shown = [lids.tied(shape(1.0, 0.12), STEP) for _ in range(12)]
    assert shown[-1][0] > 0.9 and shown[-1][1] < 0.1
    back = [lids.tied(shape(1.0, 1.0), STEP) for _ in range(8)]
    np.testing.assert_allclose(back[-1], 1, atol=0.1)


def test_an_eye_that_lags_for_a_frame_is_no_wink():
    lids = learnt(1.0, 1.0)
    for i in range(30):
        right, left = lids.tied(shape(1.0, 0.2 if i % 6 == 0 else 1.0), STEP)
        assert right == pytest.approx(left, abs=0.02)


def test_a_beginning_wink_does_not_jump():
    lids = learnt(1.0, 1.0)
    shown = np.array([lids.tied(shape(1.0, 0.12), STEP) for _ in range(12)])
    assert np.abs(np.diff(shown, axis=0)).max() < 0.55 * STEP / WINK_S


def test_the_range_moves_slowly():
    """A driver who opens the eyes wide after a minute of squinting sees no jump."""
    lids = LidRange()
    for _ in range(200):
        lids.learn(shape(0.7, 0.7), STEP)
    before = lids.openness(shape(1.0, 1.0))
    for _ in range(300):
        lids.learn(shape(1.0, 1.0), STEP)
        after = lids.openness(shape(1.0, 1.0))
        assert np.abs(after - before).max() < 3 * RANGE_SPEED * STEP
        before = after
    assert before.max() < 1.15


def test_openness_is_limited_and_needs_a_range():
    with pytest.raises(ValueError, match="not known"):
        LidRange().openness(shape(1.0, 1.0))
    assert learnt(0.4, 0.4).openness(shape(3.0, 3.0)).max() <= OPENNESS_LIMIT
