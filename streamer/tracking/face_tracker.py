"""MediaPipe's face mesh with a magnifying glass, for faces that are too small in the picture for its detector."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streamer.frames import Image
from streamer.tracking.mediapipe_models import camera_units, face_mesh
from streamer.tracking.motion import Array

SEEN = 0.5  # visibility from which a joint counts as seen
ROOM = 2.5  # half side of the glass, in extents of the head
SETTLE = 3  # more looks at the picture in which a face is first found
PATIENCE = 12  # frames without a face after which the whole picture is searched again
_FACE_JOINTS = slice(0, 11)


class Window(NamedTuple):
    """A square part of a picture, pixels."""

    left: int
    top: int
    side: int


class FaceTracker:
    """Landmarks of one face. The detector wants faces that fill a sixth of the picture or more: when it finds none, it
    looks again through a window around the head of the tracked body, which follows the face from then on.
    """

    def __init__(self) -> None:
        self._mesh = face_mesh.FaceMesh(refine_landmarks=True, max_num_faces=1)
        self._window: Window | None = None
        self._misses = 0
        self._settled = False

    def close(self) -> None:
        """Give back the model."""
        self._mesh.close()

    def track(self, rgb: Image, body: Array | None) -> Array | None:
        """(478, 3) landmarks in camera units of the (H, W, 3) frame, or None. body: (33, 4) as last seen, or None."""
        face = self._look(rgb, self._window)
        if face is not None:
            self._misses = 0
            if self._window is not None:
                self._move(rgb, _following(self._window, face, rgb.shape))
            return face
        self._misses += 1
        if self._misses > PATIENCE:
            self._window, self._misses = None, 0
            return self._look(rgb, None)
        head = _around_head(body, rgb.shape)
        return None if head is None else self._move(rgb, head)

    def _move(self, rgb: Image, window: Window | None) -> Array | None:
        """Look through another window. The mesh remembers where the face was in the last one, so that its first look
        may be in vain; that of the detector follows at once instead of a frame later."""
        if window == self._window:
            return None
        self._window = window
        face = self._look(rgb, window)
        return face if face is not None else self._look(rgb, window)

    def _look(self, rgb: Image, window: Window | None) -> Array | None:
        part = rgb
        if window is not None:
            left, top, side = window
            part = np.ascontiguousarray(rgb[top : top + side, left : left + side])
        found = self._mesh.process(part).multi_face_landmarks
        if not found:
            self._settled = False
            return None
        if not self._settled:
            # The detector's window is another than the tracker's, and landmarks differ by 2-4 % of the eyes' distance
            # between them: enough for a whole clip to be off from a neutral taken of the first frame.
            for _ in range(SETTLE):
                found = self._mesh.process(part).multi_face_landmarks or found
            self._settled = True
        face = camera_units(found[0].landmark, part.shape)
        return face if window is None else _in_whole(face, window, rgb.shape)


def _in_whole(points: Array, window: Window, shape: tuple[int, ...]) -> Array:
    """(N, 3) camera units of a window → those of the whole picture."""
    height, width = shape[:2]
    longest = max(height, width)
    middle = np.array([window.left - width / 2, window.top - height / 2, 0], np.float32)
    middle[:2] += window.side / 2
    return points * np.float32(window.side / longest) + middle * np.float32(2 / longest)


def _around_head(body: Array | None, shape: tuple[int, ...]) -> Window | None:
    """Where the head of a body must be, or None if it is not seen, or so large that the glass shows nothing new."""
    if body is None or body[_FACE_JOINTS, 3].min() < SEEN:
        return None
    return _glass(body[_FACE_JOINTS, :2], shape)


def _following(window: Window, face: Array, shape: tuple[int, ...]) -> Window | None:
    """The same window while the face is well inside it, else a new one. It rests, since each move may lose the face."""
    height, width = shape[:2]
    low, high = (face[:, :2].min(0), face[:, :2].max(0))
    low, high = ((edge * max(height, width) + (width, height)) / 2 - window[:2] for edge in (low, high))
    inside = low.min() > 0.12 * window.side and high.max() < 0.88 * window.side
    large_enough = (high - low).max() > 0.2 * window.side
    return window if inside and large_enough else _glass(face[:, :2], shape)


def _glass(points: Array, shape: tuple[int, ...]) -> Window | None:
    """A square of ROOM around (N, 2) points, moved into the picture; None if it would be most of the picture."""
    height, width = shape[:2]
    pixels = (points * max(height, width) + np.array([width, height])) / 2
    half = max(16.0, ROOM * float(np.ptp(pixels, axis=0).max()))
    side = round(2 * half)
    if side > 0.8 * min(height, width):
        return None
    left, top = np.clip(np.round(pixels.mean(0) - half), 0, [width - side, height - side]).astype(int)
    return Window(int(left), int(top), side)
