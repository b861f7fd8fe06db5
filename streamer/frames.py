"""The pictures that travel through the engine, and where in them a point is."""

from __future__ import annotations

from dataclasses import dataclass, field

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
