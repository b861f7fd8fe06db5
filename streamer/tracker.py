"""Camera frames in, motions out: MediaPipe's face mesh on every frame, body and hands beside it."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import cv2
import numpy as np

os.environ.setdefault("GLOG_minloglevel", "3")  # MediaPipe's C++ side reads it when it is loaded
from mediapipe.python.solutions import face_mesh, hands, pose

from streamer.frames import CameraFrame, Image
from streamer.headpose import head_pose
from streamer.motion import Array, Motion, face_size
from streamer.smoothing import MotionFilter

logging.getLogger("absl").setLevel(logging.ERROR)

MAX_SIDE = 1280  # longer frames are halved (or more): tracking gains nothing, memory and colour conversion lose
SEEN = 0.5  # visibility from which a joint counts as seen
EXTRAPOLATE = 0.1  # s; a body measured longer ago than this is held, not pushed on
PUSH = 0.3  # share of the measured speed that is carried on; more overshoots when a hand turns round
FORGET = 1.0  # s; a body not measured for longer than this is gone
WRISTS = {15: 0, 16: 1}  # body joint → hand


@dataclass(frozen=True, slots=True)
class _Limbs:
    """What the slow models saw in one frame. captured: of that frame. ms: what it cost."""

    captured: float
    body: Array | None
    hands: Array
    ms: float


class MotionExtractor:
    """Tracks one person; not thread-safe, one for each session, because MediaPipe's graphs carry state.

    body: also track joints and hands. smooth: One-Euro filters on everything. live: body and hands run in a second
    thread on the newest frame whenever it is free, at most `body_rate` times a second, and are carried on in between;
    `process` then costs the face alone. Not live, for files: they run inside `process` on every frame.
    """

    def __init__(self, body: bool = True, smooth: bool = True, live: bool = True, body_rate: float = 10.0) -> None:
        self._mesh = face_mesh.FaceMesh(refine_landmarks=True, max_num_faces=1)
        self._filter = MotionFilter() if smooth else None
        self._limbs: _LimbTracker | _LimbThread | None = None
        if body:
            self._limbs = _LimbThread(1 / body_rate) if live else _LimbTracker()
        self._closed = False

    def __enter__(self) -> MotionExtractor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give back the models and the thread; may be called twice."""
        if self._closed:
            return
        self._closed = True
        self._mesh.close()
        if self._limbs is not None:
            self._limbs.close()

    def process(self, frame: CameraFrame) -> Motion:
        """Track one frame, in the order of capture. Any size; face and body are None where nobody is seen."""
        began = time.perf_counter()
        rgb = _bounded(frame.rgb)
        face = self._track_face(rgb)
        confidence = 0.0 if face is None else _confidence(face, rgb.shape)
        head = np.eye(3, dtype=np.float32) if face is None else head_pose(face).rotation
        stages = {"face": (time.perf_counter() - began) * 1e3}
        limbs = None if self._limbs is None else self._limbs.track(rgb, frame.captured)
        body, fingers = None, np.zeros((2, 21, 4), np.float32)
        if limbs is not None and frame.captured - limbs.captured <= FORGET:
            body, fingers = limbs.body, limbs.hands
            stages["body"] = limbs.ms
        motion = Motion(frame.captured, face, confidence, body, fingers, head, stages)
        return self._filter(motion) if self._filter is not None else motion

    def _track_face(self, rgb: Image) -> Array | None:
        found = self._mesh.process(rgb).multi_face_landmarks
        return _camera_units(found[0].landmark, rgb.shape) if found else None


class _LimbTracker:
    """Body on each call, hands where the body shows a wrist. Runs in the caller's thread."""

    def __init__(self) -> None:
        self._pose = pose.Pose(model_complexity=1, smooth_landmarks=False)  # the only one that the wheel brings
        self._hands = hands.Hands(model_complexity=0, max_num_hands=2)

    def close(self) -> None:
        self._pose.close()
        self._hands.close()

    def track(self, rgb: Image, captured: float) -> _Limbs:
        began = time.perf_counter()
        body = self._track_body(rgb)
        fingers = np.zeros((2, 21, 4), np.float32)
        if body is not None and any(body[wrist, 3] > SEEN for wrist in WRISTS):
            fingers = self._track_hands(rgb, body)
        return _Limbs(captured, body, fingers, (time.perf_counter() - began) * 1e3)

    def _track_body(self, rgb: Image) -> Array | None:
        found = self._pose.process(rgb).pose_landmarks
        if found is None:
            return None
        visibility = np.array([[point.visibility] for point in found.landmark], np.float32)
        return np.concatenate([_camera_units(found.landmark, rgb.shape), visibility], axis=1)

    def _track_hands(self, rgb: Image, body: Array) -> Array:
        """Each hand found goes to the wrist it is nearest to: MediaPipe's own left and right flip too easily."""
        fingers = np.zeros((2, 21, 4), np.float32)
        result = self._hands.process(rgb)
        found = zip(result.multi_hand_landmarks or [], result.multi_handedness or [], strict=True)
        for landmarks, handedness in sorted(found, key=lambda pair: pair[1].classification[0].score):
            points = _camera_units(landmarks.landmark, rgb.shape)
            gaps = {side: float(np.linalg.norm(body[wrist, :2] - points[0, :2])) for wrist, side in WRISTS.items()}
            side = min(gaps, key=lambda key: gaps[key])
            fingers[side, :, :3] = points
            fingers[side, :, 2] += body[15 + side, 2]  # MediaPipe's z of a hand counts from its wrist
            fingers[side, :, 3] = handedness.classification[0].score
        return fingers


class _LimbThread:
    """The same in a thread of its own: takes the newest frame when it is free, and carries the body on in between."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._wake = threading.Condition()
        self._waiting: tuple[Image, float] | None = None
        self._newest: _Limbs | None = None
        self._before: _Limbs | None = None
        self._last_given = -np.inf
        self._running = True
        self._thread = threading.Thread(target=self._work, name="limbs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        with self._wake:
            self._running = False
            self._wake.notify()
        self._thread.join()

    def track(self, rgb: Image, captured: float) -> _Limbs | None:
        """Hand over a frame if one is due; the body as it should be at `captured`, from the last two measurements."""
        with self._wake:
            if captured - self._last_given >= self._period or captured < self._last_given:
                self._waiting, self._last_given = (rgb, captured), captured
                self._wake.notify()
            newest, before = self._newest, self._before
        if newest is None:
            return None
        return _carried_on(newest, before, captured)

    def _work(self) -> None:
        tracker = _LimbTracker()
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


def _carried_on(newest: _Limbs, before: _Limbs | None, captured: float) -> _Limbs:
    """The body of `newest` moved on by its speed since `before`, for at most EXTRAPOLATE seconds."""
    if before is None or newest.body is None or before.body is None:
        return newest
    step, age = newest.captured - before.captured, min(captured - newest.captured, EXTRAPOLATE)
    if not 0 < step < FORGET or age <= 0:
        return newest
    body = newest.body.copy()
    body[:, :3] += (newest.body[:, :3] - before.body[:, :3]) * (PUSH * age / step)
    return _Limbs(newest.captured, body, newest.hands, newest.ms)


def _bounded(rgb: Image) -> Image:
    """(H, W, 3) contiguous, at most about MAX_SIDE long."""
    factor = -(-max(rgb.shape[:2]) // MAX_SIDE)
    if factor > 1:
        size = (max(1, rgb.shape[1] // factor), max(1, rgb.shape[0] // factor))
        return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(rgb)


def _camera_units(landmarks: Any, shape: tuple[int, ...]) -> Array:
    """MediaPipe's normalised landmarks → (N, 3) camera units. Its z has the scale of its x."""
    height, width = shape[:2]
    points = np.array([(point.x, point.y, point.z) for point in landmarks], np.float32)
    points -= [0.5, 0.5, 0]
    return points * (np.array([width, height, width], np.float32) * 2 / max(width, height))


def _confidence(face: Array, shape: tuple[int, ...]) -> float:
    """How far the landmarks can be believed: 1 facing the camera, falling in profile, at the border and when tiny.

    MediaPipe's face mesh only tells found from not found; this is what is known to go wrong with it.
    """
    height, width = shape[:2]
    half = np.array([width, height], np.float32) / max(width, height)
    inside = float((np.abs(face[:468, :2]) <= half).all(axis=1).mean())
    facing = float(np.clip((head_pose(face).rotation[2, 2] - 0.2) / 0.5, 0, 1))
    pixels = face_size(face) * max(width, height) / 2
    return inside * (0.3 + 0.7 * facing) * float(np.clip(pixels / 24, 0.2, 1))
