"""The pictures that travel through the engine, and where in them a point is."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """One picture from the driver's camera.

    rgb: (H, W, 3) uint8. captured: seconds on `time.monotonic`, or the media time of a file. index: counts from 0 in
    one source.
    """

    rgb: Image
    captured: float
    index: int


@dataclass(frozen=True, slots=True)
class AvatarFrame:
    """One picture of the character, on its way out.

    rgb: (H, W, 3) uint8. alpha: (H, W) uint8, or None where the background is opaque.
    captured: the capture time of the camera frame whose motion this is. stages: milliseconds spent by stage name.
    """

    rgb: Image
    captured: float
    alpha: Image | None = None
    stages: dict[str, float] = field(default_factory=dict)


def pixels(points: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """(N, 2) camera units → pixels of a picture of `shape` (H, W, …), whole numbers at the pixels' centres."""
    height, width = shape[:2]
    out = points * (max(height, width) / 2) + (np.array([width, height]) - 1) / 2
    return np.asarray(out, np.float32)


def camera(points: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The inverse of `pixels`."""
    height, width = shape[:2]
    return np.asarray((points - (np.array([width, height]) - 1) / 2) / (max(height, width) / 2), np.float32)


def nearby(rgb: Image, found: NDArray[np.float32]) -> tuple[Image, NDArray[np.float32]]:
    """The part of a picture (H, W, 3) about points (N, 2), its pixels, and the points in it."""
    low, high = found.min(0), found.max(0)
    room = 0.2 * (high - low).max() + 2
    bounds = np.array([rgb.shape[1], rgb.shape[0]])
    start = np.clip(low - room, 0, bounds - 1).astype(int)
    end = np.clip(high + room, start + 1, bounds).astype(int)
    return rgb[start[1] : end[1], start[0] : end[0]], found - start.astype(np.float32)


def look_at(picture: Image, places: NDArray[np.float32], scale: float) -> Image:
    """What a picture (H, W) or (H, W, 3) shows at places (n, n, 2), its pixels, of which `scale` lie between two of
    them: all that lies between is averaged.
    """
    fold = max(1, int(scale))
    if fold > 1:
        size = (max(1, picture.shape[1] // fold), max(1, picture.shape[0] // fold))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        places = (places + np.float32(0.5)) / np.float32(fold) - np.float32(0.5)
    return np.asarray(cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
