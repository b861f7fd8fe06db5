"""Body and hands: MediaPipe's slow models, on every frame of a file, or beside a live face in a thread of their own."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np

from streamer.frames import Image
from streamer.runtime.priority import BODY, be_patient
from streamer.tracking.mediapipe_models import camera_units, hands, pose
from streamer.tracking.motion import Array

SEEN = 0.5  # visibility from which a joint counts as seen
EXTRAPOLATE = 0.1  # s; a body measured longer ago than this is held, not pushed on
PUSH = 0.3  # share of the measured speed that is carried on; more overshoots when a hand turns round
FORGET = 1.0  # s; a body not measured for longer than this is gone
WRISTS = {15: 0, 16: 1}  # body joint → hand


@dataclass(frozen=True, slots=True)
class Limbs:
    """What the slow models saw in one frame. captured: of that frame. ms: what it cost."""

    captured: float
    body: Array | None
    hands: Array
    ms: float


class LimbTracker:
    """Body on each call, hands where the body shows a wrist. Runs in the caller's thread."""

    def __init__(self) -> None:
        self._pose = pose.Pose(model_complexity=1, smooth_landmarks=False)  # the only one that the wheel brings
        self._hands = hands.Hands(model_complexity=0, max_num_hands=2)

    def close(self) -> None:
        self._pose.close()
        self._hands.close()

    def track(self, rgb: Image, captured: float) -> Limbs:
        began = time.perf_counter()
        body = self._track_body(rgb)
        fingers = np.zeros((2, 21, 4), np.float32)
        if body is not None and any(body[wrist, 3] > SEEN for wrist in WRISTS):
            fingers = self._track_hands(rgb, body)
        return Limbs(captured, body, fingers, (time.perf_counter() - began) * 1e3)

    def _track_body(self, rgb: Image) -> Array | None:
        found = self._pose.process(rgb).pose_landmarks
        if found is None:
            return None
        visibility = np.array([[point.visibility] for point in found.landmark], np.float32)
        return np.concatenate([camera_units(found.landmark, rgb.shape), visibility], axis=1)

    def _track_hands(self, rgb: Image, body: Array) -> Array:
        """Each hand found goes to the wrist it is nearest to: MediaPipe's own left and right flip too easily."""
        fingers = np.zeros((2, 21, 4), np.float32)
        result = self._hands.process(rgb)
        found = zip(result.multi_hand_landmarks or [], result.multi_handedness or [], strict=True)
        for landmarks, handedness in sorted(found, key=lambda pair: pair[1].classification[0].score):
            points = camera_units(landmarks.landmark, rgb.shape)
            gaps = {side: float(np.linalg.norm(body[wrist, :2] - points[0, :2])) for wrist, side in WRISTS.items()}
            side = min(gaps, key=lambda key: gaps[key])
            fingers[side, :, :3] = points
            fingers[side, :, 2] += body[15 + side, 2]  # MediaPipe's z of a hand counts from its wrist
            fingers[side, :, 3] = handedness.classification[0].score
        return fingers


class LimbThread:
    """The same in a thread of its own: takes the newest frame when it is free, and carries the body on in between."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._wake = threading.Condition()
        self._waiting: tuple[Image, float] | None = None
        self._newest: Limbs | None = None
        self._before: Limbs | None = None
        self._last_given = -np.inf
        self._running = True
        self._thread = threading.Thread(target=self._work, name="limbs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        with self._wake:
            self._running = False
            self._wake.notify()
        self._thread.join()

    def track(self, rgb: Image, captured: float) -> Limbs | None:
        """Hand over a frame if one is due; the body as it should be at `captured`, from the last two measurements."""
        with self._wake:
            if captured - self._last_given >= self._period or captured < self._last_given:
                self._waiting, self._last_given = (rgb, captured), captured
                self._wake.notify()
            newest, before = self._newest, self._before
        if newest is None:
            return None
        return carried_on(newest, before, captured)

    def _work(self) -> None:
        be_patient(BODY)  # before MediaPipe starts threads of its own, which inherit it
        tracker = LimbTracker()
        try:
            while (job := self._next()) is not None:
                limbs = tracker.track(*job)
                with self._wake:
                    self._before, self._newest = self._newest, limbs
        finally:
            tracker.close()

    def _next(self) -> tuple[Image, float] | None:
        with self._wake:
            self._wake.wait_for(lambda: self._waiting is not None or not self._running)
            job, self._waiting = self._waiting, None
            return job if self._running else None


def carried_on(newest: Limbs, before: Limbs | None, captured: float) -> Limbs:
    """The body of `newest` moved on by its speed since `before`, for at most EXTRAPOLATE seconds."""
    if before is None or newest.body is None or before.body is None:
        return newest
    step, age = newest.captured - before.captured, min(captured - newest.captured, EXTRAPOLATE)
    if not 0 < step < FORGET or age <= 0:
        return newest
    body = newest.body.copy()
    body[:, :3] += (newest.body[:, :3] - before.body[:, :3]) * (PUSH * age / step)
    return Limbs(newest.captured, body, newest.hands, newest.ms)
