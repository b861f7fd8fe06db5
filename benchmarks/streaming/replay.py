"""Motions of a clip, tracked once and replayed by a tracker that reads no pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.streaming.clip_camera import ping_pong
from streamer.frames import CameraFrame, Image
from streamer.tracking.person_tracker import PersonTracker
from streamer.tracking.tracker import Handover, TrackedMotion, Wanted

MOTION_STEP = 17  # frames of the clip from one session's first motion to the next one's


def track_clip(clip: Sequence[Image], fps: float) -> list[TrackedMotion]:
    """Motions of a clip by the live tracker. The clip is tracked twice, so that all motions have the neutral of the
    whole clip.
    """
    tracker = PersonTracker()
    try:
        for lap in range(2):
            tracked = [
                tracker.track(CameraFrame(rgb, (lap * len(clip) + index) / fps, index))
                for index, rgb in enumerate(clip)
            ]
    finally:
        tracker.close()
    return [replace(tracked_frame, motion=replace(tracked_frame.motion, stages={})) for tracked_frame in tracked]


class ReplayTracker:
    """A `Tracker` that plays tracked motions forwards and backwards, one for each picture, whose content it ignores.

    start: index of the first motion.
    """

    def __init__(self, motions: Sequence[TrackedMotion], start: int = 0) -> None:
        self._motions = motions
        self._start = start

    def track(self, frame: CameraFrame) -> TrackedMotion:
        return self._play(frame.index, frame.captured)

    def idle(self, now: float) -> TrackedMotion:
        return self._play(0, now)

    def idle_soon(self, now: float) -> TrackedMotion:
        return self.idle(now)

    def look_for(self, wanted: Wanted) -> None:
        pass

    def calibrate(self) -> None:
        pass

    def adopt(self, handover: Handover) -> None:
        pass

    def close(self) -> None:
        pass

    def _play(self, index: int, captured: float) -> TrackedMotion:
        tracked = self._motions[ping_pong(self._start + index, len(self._motions))]
        return replace(tracked, motion=replace(tracked.motion, captured=captured))
