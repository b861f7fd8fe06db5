"""Measured bodies are extrapolated to the time of a frame."""

import numpy as np
import pytest

from streamer.tracking.body_tracker import (
    BODY_LOST_S,
    EXTRAPOLATION_GAIN,
    MAX_EXTRAPOLATION_S,
    BodyMeasurement,
    extrapolate,
)


def measured(captured, x=0.0, body=True):
    joints = np.zeros((33, 4), np.float32)
    joints[:, 0], joints[:, 3] = x, 1
    return BodyMeasurement(captured, joints if body else None, np.zeros((2, 21, 4), np.float32), 20.0)


@pytest.mark.parametrize("age", [0.05, 0.4])
def test_extrapolate_moves_joints_by_a_share_of_their_velocity_for_a_limited_time(age):
    found = extrapolate(measured(1.1, 0.2), measured(1.0, 0.1), 1.1 + age)
    moved = 0.1 / 0.1 * EXTRAPOLATION_GAIN * min(age, MAX_EXTRAPOLATION_S)
    np.testing.assert_allclose(found.body[:, 0], 0.2 + moved, atol=1e-5)
    assert (found.body[:, 3] == 1).all() and found.captured == 1.1


@pytest.mark.parametrize(
    ("newest", "previous"),
    [
        (measured(1.1, 0.2), None),
        (measured(1.1, 0.2), measured(1.0, body=False)),
        (measured(1.1, body=False), measured(1.0)),
        (measured(1.1 + BODY_LOST_S, 0.2), measured(1.0)),
    ],
)
def test_extrapolate_returns_the_newest_measurement_without_a_recent_one_before(newest, previous):
    assert extrapolate(newest, previous, newest.captured + 0.05) is newest
