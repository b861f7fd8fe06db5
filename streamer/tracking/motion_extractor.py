"""Camera frames in, motions out: landmarks from MediaPipe, corrected by optical flow, body, torso, shade, mouth."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import cv2
import numpy as np
import torch

from models.geometry.topology import MESH
from models.motion import MOUTH_COLUMNS, MOUTH_ROWS, SHADE_SIDE
from streamer.effort import FULL
from streamer.frames import CameraFrame, Image
from streamer.runtime.stopwatch import Stopwatch
from streamer.tracking.body_tracker import BODY_LOST_S, BodyMeasurement, BodyTracker, BodyTrackerThread
from streamer.tracking.face_tracker import FaceTracker
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import Array, Motion, face_size
from streamer.tracking.mouth_tracker import MouthTracker
from streamer.tracking.people import Place, hide
from streamer.tracking.scene_tracker import SceneTracker
from streamer.tracking.shading_tracker import ShadingTracker
from streamer.tracking.shown_body import WHOLE_BODY, ShownBody
from streamer.tracking.skin_tracker import LIVE_SIDE, OFFLINE_SIDE, SkinTracker
from streamer.tracking.smoothing import MotionFilter
from streamer.tracking.torso_tracker import TorsoTracker

# Live looks at the body a second: where limbs move, where shoulders alone do, and where clothes tell of these.
LIMB_RATE, SHOULDER_RATE, CLOTHES_RATE = 10.0, 5.0, 3.0
MAX_FRAME_SIDE = 1280  # pixels; longer frames are shrunk, since they cost memory and time and track no better
# Confidence of a face, see `_confidence`.
PROFILE_COSINE = 0.2  # of the angle between the head's axis and the camera's: up to it a head counts as in profile
FACING_COSINE_SPAN = 0.5  # above PROFILE_COSINE, over which the confidence rises to its full value
PROFILE_CONFIDENCE = 0.3  # of a head in profile
SMALL_FACE_PIXELS = 24  # between the outer eye corners; the confidence of smaller faces falls in proportion
MIN_SIZE_CONFIDENCE = 0.2  # to which it falls


class MotionExtractor:
    """Tracks one person. Not thread-safe; one for each session, because MediaPipe's graphs are stateful.

    body: also track joints, hands and torso. smooth: apply filters. live: body and hands are measured in a second
    thread, some times a second, and extrapolated in between, so that `process` costs the face alone. Not live, for
    files: they are measured in `process` on every frame, the body by several looks where the picture shows a limb, and
    the skin at a higher resolution. shown: what of a body the avatar's picture shows: hands are measured only where it
    shows a forearm, and live the body less often where it shows no limb.

    shown, clothes_suffice, body_share: may be set at any time. clothes_suffice: whether the torso alone tells how the
    shoulders move, so that the body is measured even less often. body_share: live, the largest share of the time in
    which the second thread measures.
    """

    def __init__(
        self, body: bool = True, smooth: bool = True, live: bool = True, shown: ShownBody = WHOLE_BODY
    ) -> None:
        self.shown = shown
        self._looks_at_body = body
        self._live = live
        self.clothes_suffice = False
        self.body_share = FULL.body_share
        self._face = FaceTracker()
        self._filter = MotionFilter() if smooth else None
        self._body: BodyTracker | BodyTrackerThread | None = None  # made for the first picture that needs it
        self._scenes, self._scene = SceneTracker(), 0
        self._torso = TorsoTracker()
        self._begin_scene()
        self._closed = False

    def __enter__(self) -> MotionExtractor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _begin_scene(self) -> None:
        """Forget what was measured in another scene: its clothes, skin and light."""
        self._skin = SkinTracker(LIVE_SIDE, interval=2) if self._live else SkinTracker(OFFLINE_SIDE)
        self._torso.reset()
        self._shading = ShadingTracker()
        self._mouth = MouthTracker()

    def close(self) -> None:
        """Release the models and the thread; may be called twice."""
        if self._closed:
            return
        self._closed = True
        self._face.close()
        if self._body is not None:
            self._body.close()

    @property
    def smoothing(self) -> float:
        """0..2, see `MotionFilter`; may be set at any time, and counts only where the extractor smooths."""
        return 0.0 if self._filter is None else self._filter.smoothing

    @smoothing.setter
    def smoothing(self, smoothing: float) -> None:
        if self._filter is not None:
            self._filter.smoothing = smoothing

    @property
    def body(self) -> bool:
        """Whether body, hands and torso are measured; may be set at any time. Their models stay loaded when off."""
        return self._looks_at_body

    @body.setter
    def body(self, body: bool) -> None:
        if body and not self._looks_at_body:
            self._torso = TorsoTracker()  # what it knew of the clothes is old
        self._looks_at_body = body

    def process(self, frame: CameraFrame, others: Sequence[Place] = (), place: Place | None = None) -> Motion:
        """Track one frame of any size; frames come in the order of capture. Face and body are None where not found.

        others: the faces of further people, who are not looked at. place: of the face to look for, if there are any.
        """
        rgb = shrunk(frame.rgb)
        stages: dict[str, float] = {}
        alone = hide(rgb, others, place)
        expected = place if others else None
        measurement = self._measure_body(alone, frame.captured, expected)
        body, hands = None, np.zeros((2, 21, 4), np.float32)
        if measurement is not None and frame.captured - measurement.captured <= BODY_LOST_S:
            body, hands = measurement.body, measurement.hands
            stages["body"] = measurement.ms
        watch = Stopwatch(torch.device("cpu"))
        face = self._find_face(alone, body, others, expected)
        scene = self._scenes.track(rgb, frame.captured, face)
        if scene != self._scene:
            self._scene = scene
            self._begin_scene()
            self._face.restart()
            face = self._find_face(alone, body, others, expected)
        watch.lap("face")
        confidence = 0.0 if face is None else _confidence(face, rgb.shape)
        shade = np.zeros((SHADE_SIDE, SHADE_SIDE, 2), np.float32)
        mouth = np.zeros((MOUTH_ROWS, MOUTH_COLUMNS, 4), np.float32)
        if face is not None:
            face = self._skin.track(rgb, frame.captured, face, confidence)
            watch.lap("skin")
            shade = self._shading.track(rgb, frame.captured, face)
            watch.lap("shade")
            mouth = self._mouth.track(rgb, frame.captured, face)
            watch.lap("mouth")
        torso = np.zeros((2, 4), np.float32)
        if self._looks_at_body:
            torso = self._torso.track(rgb, frame.captured, face, body, hands)
            watch.lap("torso")
        head = np.eye(3, dtype=np.float32) if face is None else head_pose(face).rotation
        stages |= watch.read()
        motion = Motion(
            frame.captured, face, confidence, body, hands, head, torso, shade, mouth, scene=scene, stages=stages
        )
        return self._filter(motion) if self._filter is not None else motion

    def _find_face(self, rgb: Image, body: Array | None, others: Sequence[Place], place: Place | None) -> Array | None:
        """The landmarks (478, 3) of the face at a place, or None. A mesh that followed another face before goes on
        where that is, although it is painted over, and then has to search anew.
        """
        face = self._face.track(rgb, body, place)
        if not _is_one_of(others, face, place):
            return face
        self._face.restart()
        face = self._face.track(rgb, body, place)
        return None if _is_one_of(others, face, place) else face

    def _measure_body(self, rgb: Image, captured: float, face: Place | None) -> BodyMeasurement | None:
        if not self._looks_at_body:
            return None
        if self._body is None:
            self._body = BodyTrackerThread() if self._live else BodyTracker()
        if not isinstance(self._body, BodyTrackerThread):
            return self._body.track(rgb, captured, self.shown.hands, face, closely=self.shown.limbs)
        rate = LIMB_RATE if self.shown.limbs else CLOTHES_RATE if self.clothes_suffice else SHOULDER_RATE
        return self._body.track(rgb, captured, self.shown.hands, 1 / rate, self.body_share, face)


def shrunk(rgb: Image) -> Image:
    """(H, W, 3) contiguous, shrunk by a whole factor to at most MAX_FRAME_SIDE pixels along the longer side."""
    factor = -(-max(rgb.shape[:2]) // MAX_FRAME_SIDE)
    if factor > 1:
        size = (max(1, rgb.shape[1] // factor), max(1, rgb.shape[0] // factor))
        return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(rgb)


def _confidence(face: Array, shape: tuple[int, ...]) -> float:
    """Confidence 0..1 of landmarks (478, 3): 1 facing the camera, lower in profile, at the border and when tiny.

    MediaPipe's face mesh reports none; these are the cases in which it is known to fail.
    """
    height, width = shape[:2]
    half = np.array([width, height], np.float32) / max(width, height)
    inside = float((np.abs(face[:MESH, :2]) <= half).all(axis=1).mean())
    facing_cosine = head_pose(face).rotation[2, 2]  # 1: the head looks along the camera's axis
    facing = float(np.clip((facing_cosine - PROFILE_COSINE) / FACING_COSINE_SPAN, 0, 1))
    pixels = face_size(face) * max(width, height) / 2  # distance of the eyes
    by_size = float(np.clip(pixels / SMALL_FACE_PIXELS, MIN_SIZE_CONFIDENCE, 1))
    return inside * (PROFILE_CONFIDENCE + (1 - PROFILE_CONFIDENCE) * facing) * by_size


def _is_one_of(others: Sequence[Place], face: Array | None, place: Place | None) -> bool:
    """Whether landmarks (478, 3) are of another face than the one to look for: elsewhere, and nearer to another one."""
    if face is None or place is None or place.is_of_same(found := Place.of(face)):
        return False
    return any(other.distance(found) < place.distance(found) for other in others)
