"""MediaPipe's face mesh, on a crop where the face is too small in the picture for its detector."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.geometry.body import HEAD_JOINTS
from streamer.frames import Image
from streamer.tracking.mediapipe_models import camera_units, face_mesh
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY, Array
from streamer.tracking.people import Place

CROP_HALF_SIDE = 2.5  # extents of the head
MIN_CROP_HALF_SIDE = 16.0  # pixels
MAX_CROP_SHARE = 0.8  # of the picture's shorter side; a larger crop would magnify too little
CROP_BORDER = 0.12  # of the crop's side; a face within this distance of its edge moves the crop
MIN_FACE_SHARE = 0.2  # of the crop's side; a smaller face gets a new crop
EXTRA_PASSES = 3  # runs of the mesh on the picture in which a face is first found
MAX_MISSED_FRAMES = 12  # without a face, after which the whole picture is searched again


class CropWindow(NamedTuple):
    """A square part of a picture, pixels."""

    left: int
    top: int
    side: int


class FaceTracker:
    """Tracks the landmarks of one face.

    MediaPipe's detector needs faces that fill at least a sixth of the picture. Where it finds none, the mesh runs on a
    crop around the head of the tracked body; the crop follows the face from then on.
    """

    def __init__(self) -> None:
        self._mesh = face_mesh.FaceMesh(refine_landmarks=True, max_num_faces=1)
        self._window: CropWindow | None = None  # None: the whole picture
        self._missed = 0  # frames
        self._settled = False

    def close(self) -> None:
        """Release the model."""
        self._mesh.close()

    def restart(self) -> None:
        """Search the face anew in the next picture, which shows another scene."""
        self._mesh.reset()
        self._window, self._missed, self._settled = None, 0, False

    def track(self, rgb: Image, body: Array | None, place: Place | None = None) -> Array | None:
        """(478, 3) landmarks in camera units of a frame (H, W, 3), or None.

        body: (33, 4) joints, if there are any. place: where the face is, if that is known.
        """
        face = self._detect(rgb, self._window)
        if face is not None:
            self._missed = 0
            if self._window is not None:
                self._switch_window(rgb, _follow(self._window, face, rgb.shape))
            return face
        self._missed += 1
        if self._missed > MAX_MISSED_FRAMES:
            self._window, self._missed = None, 0
            return self._detect(rgb, None)
        window = _window_around_head(body, rgb.shape)
        if window is None and place is not None:
            corners = np.array([[place.x, place.y]], np.float32) + np.array([[-1], [1]], np.float32) * place.half
            window = _crop_window(corners, rgb.shape)
        return None if window is None else self._switch_window(rgb, window)

    def _switch_window(self, rgb: Image, window: CropWindow | None) -> Array | None:
        """Change the crop and detect in it; None if it is the present one or shows no face.

        The mesh first searches where the face was in the old crop. The second call runs its detector at once instead of
        a frame later.
        """
        if window == self._window:
            return None
        self._window = window
        face = self._detect(rgb, window)
        return face if face is not None else self._detect(rgb, window)

    def _detect(self, rgb: Image, window: CropWindow | None) -> Array | None:
        """(478, 3) landmarks in camera units of the whole picture, found within a window of it."""
        part = rgb
        if window is not None:
            left, top, side = window
            part = np.ascontiguousarray(rgb[top : top + side, left : left + side])
        found = self._mesh.process(part).multi_face_landmarks
        if not found:
            self._settled = False
            return None
        if not self._settled:
            # The first region of interest comes from the detector, later ones from the landmarks. Landmarks differ by
            # 2-4 % of the eyes' distance between the two, which would offset a whole clip from a neutral that is taken
            # from its first frame.
            for _ in range(EXTRA_PASSES):
                found = self._mesh.process(part).multi_face_landmarks or found
            self._settled = True
        face = camera_units(found[0].landmark, part.shape)
        return face if window is None else _to_picture(face, window, rgb.shape)


def _to_picture(points: Array, window: CropWindow, shape: tuple[int, ...]) -> Array:
    """(N, 3) camera units of a window → those of the whole picture of `shape` (H, W, …)."""
    height, width = shape[:2]
    longest = max(height, width)
    centre = np.array([window.left - width / 2, window.top - height / 2, 0], np.float32)
    centre[:2] += window.side / 2
    return points * np.float32(window.side / longest) + centre * np.float32(2 / longest)


def _window_around_head(body: Array | None, shape: tuple[int, ...]) -> CropWindow | None:
    """Crop around the head of a body (33, 4); None if the head is not visible or too large for a crop to help."""
    if body is None or body[HEAD_JOINTS, VISIBILITY].min() < MIN_VISIBILITY:
        return None
    return _crop_window(body[HEAD_JOINTS, :2], shape)


def _follow(window: CropWindow, face: Array, shape: tuple[int, ...]) -> CropWindow | None:
    """The same crop while the face (478, 3) is well inside it, since every move may lose the face; else a new one."""
    height, width = shape[:2]
    low, high = (face[:, :2].min(0), face[:, :2].max(0))
    low, high = ((corner * max(height, width) + (width, height)) / 2 - window[:2] for corner in (low, high))
    inside = low.min() > CROP_BORDER * window.side and high.max() < (1 - CROP_BORDER) * window.side
    large_enough = (high - low).max() > MIN_FACE_SHARE * window.side
    return window if inside and large_enough else _crop_window(face[:, :2], shape)


def _crop_window(points: Array, shape: tuple[int, ...]) -> CropWindow | None:
    """A square around points (N, 2), moved into the picture; None if it would be most of the picture."""
    height, width = shape[:2]
    pixels = (points * max(height, width) + np.array([width, height])) / 2
    half = max(MIN_CROP_HALF_SIDE, CROP_HALF_SIDE * float(np.ptp(pixels, axis=0).max()))
    side = round(2 * half)
    if side > MAX_CROP_SHARE * min(height, width):
        return None
    left, top = np.clip(np.round(pixels.mean(0) - half), 0, [width - side, height - side]).astype(int)
    return CropWindow(int(left), int(top), side)
