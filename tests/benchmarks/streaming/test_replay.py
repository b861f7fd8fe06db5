"""A tracker that replays motions."""

from __future__ import annotations

import numpy as np

from benchmarks.streaming.replay import ReplayTracker
from streamer.frames import CameraFrame
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.tracker import TrackedMotion


def test_replay_plays_motions_forwards_and_backwards_with_new_times() -> None:
    motions = [TrackedMotion(NEUTRAL, NEUTRAL, progress=step) for step in (0.0, 0.5, 1.0)]
    replay = ReplayTracker(motions, start=1)
    frame = np.zeros((2, 2, 3), np.uint8)
    played = [replay.track(CameraFrame(frame, 50.0 + index, index)) for index in range(5)]
    assert [each.progress for each in played] == [0.5, 1.0, 0.5, 0.0, 0.5]
    assert [each.motion.captured for each in played] == [50.0, 51.0, 52.0, 53.0, 54.0]
    assert replay.idle(7.0).motion.captured == 7.0
