"""Camera frames in, motions out: MediaPipe's face mesh on every frame, held to the skin; body and hands beside it."""

from __future__ import annotations

from types import TracebackType

import cv2
import numpy as np
import torch

from models.motion import MOUTH_COLUMNS, MOUTH_ROWS, SHADE_SIDE
from streamer.frames import CameraFrame, Image
from streamer.runtime.stopwatch import Stopwatch
from streamer.tracking.body_tracker import FORGET, LimbThread, LimbTracker
from streamer.tracking.face_tracker import FaceTracker
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import Array, Motion, face_size
from streamer.tracking.mouth_tracker import MouthTracker
from streamer.tracking.shading_tracker import ShadeTracker
from streamer.tracking.skin_tracker import FINE, QUICK, SkinTracker
from streamer.tracking.smoothing import MotionFilter
from streamer.tracking.torso_tracker import TorsoTracker

MAX_SIDE = 1280  # longer frames are halved (or more): tracking gains nothing, memory and colour conversion lose


class MotionExtractor:
    """Tracks one person; not thread-safe, one for each session, because MediaPipe's graphs carry state.

    body: also track joints and hands. smooth: One-Euro filters on everything. live: body and hands run in a second
    thread on the newest frame whenever it is free, at most `body_rate` times a second, and are carried on in between;
    `process` then costs the face alone. Not live, for files: they run inside `process` on every frame, and skin is
    looked at more closely.
    """

    def __init__(self, body: bool = True, smooth: bool = True, live: bool = True, body_rate: float = 10.0) -> None:
        self._face = FaceTracker()
        self._skin = SkinTracker(QUICK, every=2) if live else SkinTracker(FINE)
        self._filter = MotionFilter() if smooth else None
        self._limbs: LimbTracker | LimbThread | None = None
        if body:
            self._limbs = LimbThread(1 / body_rate) if live else LimbTracker()
        self._torso = TorsoTracker()
        self._shade = ShadeTracker()
        self._mouth = MouthTracker()
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
        self._face.close()
        if self._limbs is not None:
            self._limbs.close()

    def process(self, frame: CameraFrame) -> Motion:
        """Track one frame, in the order of capture. Any size; face and body are None where nobody is seen."""
        rgb = _bounded(frame.rgb)
        stages: dict[str, float] = {}
        limbs = None if self._limbs is None else self._limbs.track(rgb, frame.captured)
        body, fingers = None, np.zeros((2, 21, 4), np.float32)
        if limbs is not None and frame.captured - limbs.captured <= FORGET:
            body, fingers = limbs.body, limbs.hands
            stages["body"] = limbs.ms
        watch = Stopwatch(torch.device("cpu"))
        face = self._face.track(rgb, body)
        watch.lap("face")
        confidence = 0.0 if face is None else _confidence(face, rgb.shape)
        shade, mouth = (
            np.zeros((SHADE_SIDE, SHADE_SIDE, 2), np.float32),
            np.zeros((MOUTH_ROWS, MOUTH_COLUMNS, 4), np.float32),
        )
        if face is not None:
            face = self._skin.track(rgb, frame.captured, face, confidence)
            watch.lap("skin")
            shade = self._shade.track(rgb, frame.captured, face)
            watch.lap("shade")
            mouth = self._mouth.track(rgb, frame.captured, face)
            watch.lap("mouth")
        torso = np.zeros((2, 4), np.float32)
        if self._limbs is not None:
            torso = self._torso.track(rgb, frame.captured, face, body, fingers)
            watch.lap("torso")
        head = np.eye(3, dtype=np.float32) if face is None else head_pose(face).rotation
        stages |= watch.read()
        motion = Motion(frame.captured, face, confidence, body, fingers, head, torso, shade, mouth, stages)
        return self._filter(motion) if self._filter is not None else motion


def _bounded(rgb: Image) -> Image:
    """(H, W, 3) contiguous, at most about MAX_SIDE long."""
    factor = -(-max(rgb.shape[:2]) // MAX_SIDE)
    if factor > 1:
        size = (max(1, rgb.shape[1] // factor), max(1, rgb.shape[0] // factor))
        return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(rgb)


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
