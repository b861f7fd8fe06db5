"""Measured bodies are extrapolated to the time of a frame."""

import time
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest

from streamer.tracking.body_tracker import (
    BODY_LOST_S,
    EXTRAPOLATION_GAIN,
    MAX_EXTRAPOLATION_S,
    BodyMeasurement,
    BodyTracker,
    BodyTrackerThread,
    extrapolate,
)


@pytest.fixture
def looks(monkeypatch):
    """Without models: the names of what is looked for, in order."""
    done = []
    body = np.ones((33, 4), np.float32)
    monkeypatch.setattr("streamer.tracking.body_tracker.pose", SimpleNamespace(Pose=lambda **_: MagicMock()))
    monkeypatch.setattr("streamer.tracking.body_tracker.read_joints", lambda model, rgb: done.append("body") or body)

    class Hands:
        def track(self, rgb, body):
            done.append("hands")
            return np.zeros((2, 21, 4), np.float32)

        def close(self):
            pass

    monkeypatch.setattr("streamer.tracking.body_tracker.HandTracker", Hands)
    return done


def test_hands_are_looked_for_only_where_they_can_be_shown(looks):
    tracker, rgb = BodyTracker(), np.zeros((8, 8, 3), np.uint8)
    tracker.track(rgb, 0.0)
    assert looks == ["body", "hands"]
    found = tracker.track(rgb, 0.1, hands=False)
    assert looks == ["body", "hands", "body"] and not found.hands.any()


def test_a_body_that_is_looked_at_closely_is_corrected(looks, monkeypatch):
    class Looks:
        def correct(self, rgb, body, captured):
            looks.append(captured)
            return body * 2

    monkeypatch.setattr("streamer.tracking.body_tracker.BodyLooks", Looks)
    tracker, rgb = BodyTracker(), np.zeros((8, 8, 3), np.uint8)
    assert (tracker.track(rgb, 0.0, hands=False).body == 1).all()
    assert (tracker.track(rgb, 0.1, hands=False, closely=True).body[:, :3] == 2).all()
    assert looks == ["body", "body", 0.1]


def test_the_thread_looks_no_more_often_than_its_period(looks):
    tracker, rgb = BodyTrackerThread(), np.zeros((8, 8, 3), np.uint8)
    try:
        for period, expected in ((0.1, 9), (0.5, 2)):  # each third and each thirteenth of 26 frames
            looks.clear()
            for i in range(26):
                track_and_look(tracker, looks, rgb, period * 1000 + i / 25, period=period)
            assert len(looks) == expected
    finally:
        tracker.close()


def test_the_thread_fills_no_more_than_its_share_of_the_time(looks, monkeypatch):
    monkeypatch.setattr(BodyTracker, "track", lambda _self, _rgb, at, *_: looks.append("body") or measured(at))
    tracker, rgb = BodyTrackerThread(), np.zeros((8, 8, 3), np.uint8)
    try:
        for i in range(51):  # two seconds, in which a measurement of 20 ms may come every 200 ms
            track_and_look(tracker, looks, rgb, i / 25, period=0.1, share=0.1)
        assert 9 <= len(looks) <= 11  # some differences of times are a little less than 200 ms
    finally:
        tracker.close()


def track_and_look(tracker, looks, rgb, captured, **options):
    """Give the thread a frame, and wait until it has looked at it if it will."""
    before = len(looks)
    tracker.track(rgb, captured, hands=False, **options)
    if tracker._last_submitted == captured:
        wait_for(lambda: len(looks) > before)


def wait_for(condition):
    """Up to some seconds; the caller asserts."""
    until = time.monotonic() + 5
    while not condition() and time.monotonic() < until:
        time.sleep(0.002)


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
