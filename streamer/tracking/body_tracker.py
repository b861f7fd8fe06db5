"""Body and hands by MediaPipe's slower models: on every frame of a file, or in a thread beside a live face."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np

from models.geometry.body import HAND_POINTS, NOSE
from streamer.frames import Image
from streamer.runtime.priority import BODY_TRACKER_NICENESS, lower_priority
from streamer.tracking.body_looks import BodyLooks
from streamer.tracking.hand_tracker import HandTracker
from streamer.tracking.limb_gate import LimbGate
from streamer.tracking.mediapipe_models import pose, read_joints
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY, Array
from streamer.tracking.people import Place

MAX_EXTRAPOLATION_S = 0.1  # a body measured longer ago is extrapolated no further
EXTRAPOLATION_GAIN = 0.3  # share of the measured velocity; more overshoots when a hand reverses
MAX_NOSE_DISTANCE = 2.0  # half sides of a face between its middle and the nose of its body; more is another's body
BODY_LOST_S = 1.0  # without a measurement, after which the body counts as not detected


@dataclass(frozen=True, slots=True)
class BodyMeasurement:
    """Body and hands in one frame, as in `Motion`. captured: seconds, of the frame. ms: milliseconds of computation."""

    captured: float
    body: Array | None
    hands: Array
    ms: float


class BodyTracker:
    """Measures the body on each call, and hands where a wrist is visible; limbs that cannot be (`limb_gate.py`) have
    visibility 0. Runs in the caller's thread.
    """

    def __init__(self) -> None:
        # Other complexities are not in MediaPipe's wheel.
        self._pose = pose.Pose(model_complexity=1, smooth_landmarks=False)
        self._looks: BodyLooks | None = None  # made for the first frame that needs them
        self._hands = HandTracker()
        self._gate = LimbGate()

    def close(self) -> None:
        """Release the models."""
        self._pose.close()
        if self._looks is not None:
            self._looks.close()
        self._hands.close()

    def track(
        self, rgb: Image, captured: float, hands: bool = True, face: Place | None = None, closely: bool = False
    ) -> BodyMeasurement:
        """Measure a frame (H, W, 3). hands: whether to look for hands, too. face: whose body it must be, where several
        people are seen; another one's is not returned, and searched for anew in the next frame. closely: whether to
        look at the body several times (`body_looks.py`).
        """
        began = time.perf_counter()
        found = read_joints(self._pose, rgb)
        if found is not None and face is not None and not _has_head_at(found, face):
            self._pose.reset()
            found = None
        if found is not None and closely:
            self._looks = self._looks or BodyLooks()
            found = self._looks.correct(rgb, found, captured)
        body = self._gate.check(found, captured)
        hand_points = np.zeros((2, HAND_POINTS, 4), np.float32)
        if hands and body is not None:
            hand_points = self._hands.track(rgb, body)
        return BodyMeasurement(captured, body, hand_points, (time.perf_counter() - began) * 1e3)


class BodyTrackerThread:
    """A `BodyTracker` in its own thread: measures the newest frame whenever it is free, and extrapolates in between."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._pending: tuple[Image, float, bool, Place | None] | None = None
        self._newest: BodyMeasurement | None = None
        self._previous: BodyMeasurement | None = None
        self._last_submitted = -np.inf
        self._running = True
        self._thread = threading.Thread(target=self._work, name="body", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and release the models."""
        with self._wake:
            self._running = False
            self._wake.notify()
        self._thread.join()

    def track(
        self,
        rgb: Image,
        captured: float,
        hands: bool = True,
        period: float = 0.0,
        share: float = 1.0,
        face: Place | None = None,
    ) -> BodyMeasurement | None:
        """Submit a frame if one is due; returns the body extrapolated to `captured`, None before the first one.

        period: least seconds between two frames that are measured; more where a measurement takes so long that it would
        fill more than this share of the time, 0..1. hands, face: as `BodyTracker.track`.
        """
        with self._wake:
            if self._newest is not None:
                period = max(period, self._newest.ms / 1e3 / share)
            if captured - self._last_submitted >= period or captured < self._last_submitted:
                self._pending, self._last_submitted = (rgb, captured, hands, face), captured
                self._wake.notify()
            newest, previous = self._newest, self._previous
        if newest is None:
            return None
        return extrapolate(newest, previous, captured)

    def _work(self) -> None:
        lower_priority(BODY_TRACKER_NICENESS)  # before MediaPipe starts its own threads, which inherit the priority
        tracker = BodyTracker()
        try:
            while (frame := self._next_frame()) is not None:
                measurement = tracker.track(*frame)
                with self._wake:
                    self._previous, self._newest = self._newest, measurement
        finally:
            tracker.close()

    def _next_frame(self) -> tuple[Image, float, bool, Place | None] | None:
        """Wait for a submitted frame; None once the tracker is closed."""
        with self._wake:
            self._wake.wait_for(lambda: self._pending is not None or not self._running)
            frame, self._pending = self._pending, None
            return frame if self._running else None


def _has_head_at(body: Array, face: Place) -> bool:
    """Whether the head of joints (33, 4) is where a face is."""
    x, y = body[NOSE, :2]
    return float(np.hypot(x - face.x, y - face.y)) < MAX_NOSE_DISTANCE * face.half


def extrapolate(newest: BodyMeasurement, previous: BodyMeasurement | None, captured: float) -> BodyMeasurement:
    """Move the joints of `newest` to the time `captured` by their velocity since `previous`, as far as they are seen in
    both; hands stay.
    """
    if previous is None or newest.body is None or previous.body is None:
        return newest
    step, age = newest.captured - previous.captured, min(captured - newest.captured, MAX_EXTRAPOLATION_S)
    if not 0 < step < BODY_LOST_S or age <= 0:
        return newest
    body = newest.body.copy()
    seen = np.minimum(newest.body[:, VISIBILITY], previous.body[:, VISIBILITY]) > MIN_VISIBILITY
    body[seen, :3] += (newest.body - previous.body)[seen, :3] * (EXTRAPOLATION_GAIN * age / step)
    return BodyMeasurement(newest.captured, body, newest.hands, newest.ms)
