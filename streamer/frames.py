"""The pictures that travel through the engine: from the camera, and of the avatar."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
KEY = (0, 255, 0)  # RGB drawn in place of transparency where an output has no alpha, for a chroma key


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """One picture from the driver's camera.

    rgb: (H, W, 3) uint8. captured: seconds on `time.monotonic`, or media time in a file. index: counted from 0 in
    one source.
    """

    rgb: Image
    captured: float
    index: int


@dataclass(frozen=True, slots=True)
class AvatarFrame:
    """One drawn picture of the character.

    rgb: (H, W, 3) uint8; with alpha premultiplied by it (drawn over black). alpha: (H, W) uint8, or None where the
    background is opaque. captured: the capture time of the camera frame whose motion this is. stages: milliseconds
    spent by stage name.
    """

    rgb: Image
    captured: float
    alpha: Image | None = None
    stages: dict[str, float] = field(default_factory=dict)


def over_colour(frame: AvatarFrame, colour: tuple[int, int, int]) -> Image:
    """The frame composited over a colour, RGB 0..255: (H, W, 3) uint8; its own array where it is opaque."""
    if frame.alpha is None:
        return frame.rgb
    background = (np.array(colour, np.uint16) * (255 - frame.alpha[..., None].astype(np.uint16)) + 127) // 255
    return np.minimum(frame.rgb + background, 255).astype(np.uint8)
