"""Where landmarks lie in a picture, and what the picture shows at such points."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Image


def to_pixels(points: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """(N, 2) camera units → pixels of a picture of `shape` (H, W, …); pixel centres lie at integer coordinates."""
    height, width = shape[:2]
    out = points * (max(height, width) / 2) + (np.array([width, height]) - 1) / 2
    return np.asarray(out, np.float32)


def to_camera_units(points: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """(N, 2) pixels of a picture of `shape` (H, W, …) → camera units, the inverse of `to_pixels`."""
    height, width = shape[:2]
    return np.asarray((points - (np.array([width, height]) - 1) / 2) / (max(height, width) / 2), np.float32)


def crop_around(rgb: Image, points: NDArray[np.float32]) -> tuple[Image, NDArray[np.float32]]:
    """The part of a picture (H, W, 3) around points (N, 2) in its pixels, with a margin, and the points within it.

    The crop is a view of the picture, not a copy.
    """
    low, high = points.min(0), points.max(0)
    margin = 0.2 * (high - low).max() + 2
    bounds = np.array([rgb.shape[1], rgb.shape[0]])
    start = np.clip(low - margin, 0, bounds - 1).astype(int)
    end = np.clip(high + margin, start + 1, bounds).astype(int)
    return rgb[start[1] : end[1], start[0] : end[0]], points - start.astype(np.float32)


def sample_area(picture: Image, points: NDArray[np.float32], spacing: float) -> Image:
    """Sample a picture (H, W) or (H, W, 3) at a grid of points (n, n, 2), in its pixels, without aliasing.

    spacing: pixels of the picture between neighbouring points. From two pixels on, the picture is first shrunk by
    averaging areas of that size.
    """
    factor = max(1, int(spacing))
    if factor > 1:
        size = (max(1, picture.shape[1] // factor), max(1, picture.shape[0] // factor))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        points = (points + np.float32(0.5)) / np.float32(factor) - np.float32(0.5)
    return np.asarray(cv2.remap(picture, points, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
