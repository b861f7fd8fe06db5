"""Tells when a camera shows another scene: after a cut, when it was moved, or when somebody else sits in front of it.

A neutral holds for one scene: measured against that of another, the head would stand aside for good.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry.topology import MESH
from streamer.frames import Image
from streamer.tracking.head_pose import HeadTransform, head_pose
from streamer.tracking.image_points import crop_around, sample_area, to_pixels
from streamer.tracking.motion import Array

COLUMNS, ROWS = 48, 36  # of the small picture that is kept for comparison
# Likeness is the correlation of two small pictures: 1 alike, 0 unrelated; brightness and contrast do not count. Five
# people, 25 frames a second: .97 to 1 from frame to frame, .99 to 1 of the background at any time; pictures of two of
# them .57 or less.
SAME_PICTURE = 0.75  # of whole pictures that follow each other: less is a cut
SAME_BACKGROUND = 0.5  # of backgrounds, whenever: less is another place
SAME_WITH_JUMP = 0.9  # of whole pictures in which the face has moved faster than people do
# Of somebody who fills much of a picture, or stands before a pale wall, likeness tells little: a dancer's pictures were
# taken for cuts. What they leave as it was tells more: .77 or more of the dancer's pictures, up to .3 s apart.
UNCHANGED_GREY = 10.0  # grey levels, beside the change of the median, by which a pixel may change
UNCHANGED_SHARE = 0.7  # of the pixels, from which two pictures show one place
STILL_BACKGROUND = 0.97  # from frame to frame, of a camera that is not being moved
MIN_TEXTURE = 4.0  # grey levels of deviation, below which a background tells nothing
MIN_BACKGROUND = 0.06  # of the picture, which must be seen beside the person to tell anything
CONSECUTIVE_S = 0.5  # between two faces at most, to be compared as pictures that follow each other
STILL_S = 1.0  # for which a moved camera must rest before the scene counts as another one
BACKGROUND_MEMORY_S = 30.0  # time constant with which the kept background follows light and furniture
ABSENT_S = 1.0  # without a face, after which the next one may be somebody else's
# Motion between two frames that people do not make: face sizes and, for the size, the log of its change; at once and
# for each second between the frames.
MAX_SHIFT, MAX_SHIFT_SPEED = 0.7, 8.0
MAX_GROWTH, MAX_GROWTH_SPEED = 0.15, 1.5
# Likeness of two faces that are laid flat, means of FACE_FRAMES frames each: .75 or more for one of five people at two
# times, .73 or less for two of them.
SAME_FACE = 0.74
FACE_SIDE = 16  # samples
FACING_COSINE = 0.9  # of the angle between the head's axis and the camera's, for a face to be compared
# Canonical units a second up to which a face is sharp enough to be compared: above it blurs by more than two samples.
STEADY_SPEED = 4.0
FACE_FRAMES = 8  # that are averaged before two faces are compared
FACE_MEMORY_FRAMES = 25  # over which the scene's own face is averaged
FACE_INTERVAL_S = 0.2  # between two of them

# In sizes of the face's box: what around it belongs to the person.
_HEAD_MARGIN, _HAIR, _SHOULDERS = 0.5, 0.6, 1.3


@dataclass(frozen=True, slots=True)
class _Look:
    """A picture with a face. grey, background: (ROWS, COLUMNS) brightness, and what does not belong to the person."""

    captured: float
    grey: NDArray[np.float32]
    background: NDArray[np.bool_]
    head: HeadTransform


class SceneTracker:
    """Numbers the scenes of one camera or clip from 0. Not thread-safe.

    Keeps pictures of 48×36 grey pixels and of a face of 16×16 samples, which nobody would know again.
    """

    def __init__(self) -> None:
        self._number = 0
        self._restart()

    def _restart(self) -> None:
        self._last: _Look | None = None
        self._kept: _Look | None = None  # of this scene's background
        self._still_since = math.inf
        self._face: Array | None = None  # of this scene, mean over `_faces` frames
        self._faces = 0
        self._face_due = -math.inf  # seconds, when the next frame is averaged
        self._candidates: list[Array] | None = None  # faces that may be somebody else's, until they are compared

    def track(self, rgb: Image, captured: float, face: Array | None) -> int:
        """The number of the scene that a frame (H, W, 3) shows. face: (478, 3) of it, camera units; pictures without
        one do not change the scene.
        """
        if face is None:
            return self._number
        look = _look(rgb, captured, face)
        if self._is_cut(look) or self._was_moved(look) or self._is_stranger(rgb, face, look):
            self._number += 1
            self._restart()
        self._last = look
        self._keep(look)
        return self._number

    def _is_cut(self, look: _Look) -> bool:
        last = self._last
        if last is None:
            return False
        gap = look.captured - last.captured
        background = _background_likeness(last, look)
        is_same_place = _unchanged(last.grey, look.grey) >= UNCHANGED_SHARE
        if gap > CONSECUTIVE_S:
            if gap > ABSENT_S:
                self._candidates = []
            return background is not None and background < SAME_BACKGROUND and not is_same_place
        likeness = _likeness(last.grey, look.grey)
        moved = float(np.linalg.norm(look.head.shift - last.head.shift)) / last.head.scale
        grown = abs(math.log(look.head.scale / last.head.scale))
        jumped = moved > MAX_SHIFT + MAX_SHIFT_SPEED * gap or grown > MAX_GROWTH + MAX_GROWTH_SPEED * gap
        if jumped and likeness < SAME_WITH_JUMP:
            return True
        if likeness < SAME_PICTURE and is_same_place and self._candidates is None:
            self._candidates = []  # somebody who moves fast, or somebody else before the same wall: faces tell
        return likeness < SAME_PICTURE and not is_same_place

    def _was_moved(self, look: _Look) -> bool:
        """Whether the camera rests and looks elsewhere than when the scene began."""
        if self._last is None or self._kept is None:
            return False
        step, since = _background_likeness(self._last, look), _background_likeness(self._kept, look)
        if step is None or since is None or step < STILL_BACKGROUND or since >= SAME_BACKGROUND:
            self._still_since = math.inf
            return False
        self._still_since = min(self._still_since, look.captured)
        return look.captured - self._still_since >= STILL_S

    def _is_stranger(self, rgb: Image, face: Array, look: _Look) -> bool:
        """Whether a face that returned after an absence, or came with a large change, is not this scene's. Averages
        faces meanwhile.
        """
        due = self._candidates is not None or look.captured >= self._face_due
        if not due or look.head.rotation[2, 2] < FACING_COSINE or self._speed(look) > STEADY_SPEED:
            return False
        flat = _flat_face(rgb, face, look.head)
        if self._candidates is None:
            self._face_due = look.captured + FACE_INTERVAL_S
            self._faces = min(self._faces + 1, FACE_MEMORY_FRAMES)
            self._face = flat if self._face is None else self._face + (flat - self._face) / np.float32(self._faces)
            return False
        self._candidates.append(flat)
        if len(self._candidates) < FACE_FRAMES:
            return False
        returned, self._candidates = np.mean(self._candidates, axis=0), None
        return self._face is not None and _likeness(self._face, returned) < SAME_FACE

    def _speed(self, look: _Look) -> float:
        """Of the head since the last look, canonical units a second; 0 where nothing is known of it."""
        last = self._last
        if last is None or not 0 < look.captured - last.captured <= CONSECUTIVE_S:
            return 0.0
        moved = float(np.linalg.norm(look.head.shift - last.head.shift)) / last.head.scale
        return moved / (look.captured - last.captured)

    def _keep(self, look: _Look) -> None:
        """Let the kept background follow slowly, where it is the same place."""
        if self._kept is None:
            self._kept = look
            return
        likeness = _background_likeness(self._kept, look)
        if likeness is not None and likeness < SAME_BACKGROUND:
            return
        elapsed = max(look.captured - self._kept.captured, 0.0)
        share = np.float32(-math.expm1(-elapsed / BACKGROUND_MEMORY_S))
        both = self._kept.background & look.background
        grey = np.where(both, self._kept.grey + share * (look.grey - self._kept.grey), self._kept.grey)
        grey = np.where(look.background & ~self._kept.background, look.grey, grey)
        self._kept = _Look(look.captured, grey, self._kept.background | look.background, look.head)


def _look(rgb: Image, captured: float, face: Array) -> _Look:
    small = cv2.resize(rgb, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    height, width = rgb.shape[:2]
    places = to_pixels(face[:MESH, :2], rgb.shape) * np.array([COLUMNS / width, ROWS / height], np.float32)
    (left, top), (right, bottom) = places.min(0), places.max(0)
    across, down = right - left, bottom - top
    x, y = np.meshgrid(np.arange(COLUMNS) + 0.5, np.arange(ROWS) + 0.5)
    head = (np.abs(x - (left + right) / 2) < (0.5 + _HEAD_MARGIN) * across) & (y > top - _HAIR * down)
    body = (np.abs(x - (left + right) / 2) < (0.5 + _SHOULDERS) * across) & (y > bottom - 0.1 * down)
    return _Look(captured, grey, ~(head | body), head_pose(face))


def _background_likeness(a: _Look, b: _Look) -> float | None:
    """Likeness of what is seen beside the person in both pictures; None where that tells nothing."""
    both = a.background & b.background
    if both.mean() < MIN_BACKGROUND:
        return None
    first, second = a.grey[both], b.grey[both]
    if max(float(first.std()), float(second.std())) < MIN_TEXTURE:
        return None
    return _likeness(first, second)


def _likeness(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Correlation of two pictures of one shape; 1 for two without any texture."""
    first, second = a - a.mean(), b - b.mean()
    energy = math.sqrt(float((first**2).mean()) * float((second**2).mean()))
    return (float((first * second).mean()) + 1e-6) / (energy + 1e-6)


def _unchanged(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Share of the pixels of two pictures that differ by no more than their medians do, and `UNCHANGED_GREY`."""
    change = b - a
    return float((np.abs(change - np.median(change)) < UNCHANGED_GREY).mean())


def _flat_face(rgb: Image, face: Array, head: HeadTransform) -> Array:
    """(FACE_SIDE, FACE_SIDE, 3) the face laid flat: log colours without their mean, so that light matters little."""
    x, y = np.meshgrid(np.linspace(-0.6, 0.6, FACE_SIDE), np.linspace(-0.9, 0.75, FACE_SIDE))
    plane = np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3)
    part, places = crop_around(rgb, to_pixels(np.concatenate([head.apply(plane), face])[:, :2], rgb.shape))
    grid = places[: FACE_SIDE**2].reshape(FACE_SIDE, FACE_SIDE, 2)
    spacing = head.scale * max(rgb.shape[:2]) / 2 * (x[0, 1] - x[0, 0])
    logs = np.log(sample_area(part, grid, spacing).astype(np.float32) + 8)
    return np.asarray(logs - logs.mean((0, 1)), np.float32)
