"""The square canvas on which a picture is rigged and drawn.

Canvas units: x right, y down, both -1..1 from edge to edge of the square.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Image
from streamer.rigging.picture import Picture

Array = NDArray[np.float32]
Box = tuple[float, float, float]  # centre x, y and half side of a square, canvas units

CUT_OUT_SHARE = 0.01  # of a picture's pixels that must be transparent for its alpha to serve as the matte


@dataclass(frozen=True)
class Canvas:
    """A picture centred on a square of S pixels, continued beyond its edges by reflection.

    rgb: (S, S, 3) float32 0..1.
    alpha: (S, S) float32 0..1, 0 beyond the picture.
    full: (L, L, 3) uint8, the same square at the resolution of the picture, L its longer side.
    left, top: canvas pixel of the picture's upper left corner.
    width, height: size of the picture, canvas pixels.
    cut_out: whether the picture has transparent parts, so that its alpha is the matte.
    """

    rgb: Array
    alpha: Array
    full: Image
    left: int
    top: int
    width: int
    height: int
    cut_out: bool

    @property
    def size(self) -> int:
        """S, pixels along a side."""
        return self.rgb.shape[0]


def place_on_canvas(picture: Picture, size: int) -> Canvas:
    """Scale a picture to fit a canvas of `size` pixels and centre it; transparent parts are composited on white."""
    rgba = picture.rgba
    height, width = rgba.shape[:2]
    scale = size / max(height, width)
    small_width, small_height = max(2, round(width * scale)), max(2, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    premultiplied = rgba.astype(np.float32) / 255
    # The resampling then ignores the colours of transparent pixels.
    premultiplied[..., :3] = premultiplied[..., :3] * premultiplied[..., 3:]
    small = cv2.resize(premultiplied, (small_width, small_height), interpolation=method).clip(0, 1)
    left, top = (size - small_width) // 2, (size - small_height) // 2
    margins = ((top, size - small_height - top), (left, size - small_width - left))
    rgb = np.pad(small[..., :3] + 1 - small[..., 3:], (*margins, (0, 0)), mode="symmetric")
    side = max(height, width)
    x, y = (side - width) // 2, (side - height) // 2
    full_margins = ((y, side - height - y), (x, side - width - x), (0, 0))
    full = np.pad(premultiplied[..., :3] + 1 - premultiplied[..., 3:], full_margins, mode="symmetric")
    return Canvas(
        rgb=rgb.astype(np.float32),
        alpha=np.pad(small[..., 3], margins).astype(np.float32),
        full=to_uint8(full),
        left=left,
        top=top,
        width=small_width,
        height=small_height,
        cut_out=bool((rgba[..., 3] < 128).mean() > CUT_OUT_SHARE),
    )


def pixels_per_original(canvas: Canvas, picture: Picture) -> float:
    """Canvas pixels for one pixel of the upright original file, in which hand-placed points are given."""
    return canvas.width / (picture.rgba.shape[1] / picture.scale)


def crop(pixels: Image, box: Box, side: int) -> Image:
    """A box of a square picture (L, L, 3), resampled to (side, side, 3); beyond the picture its border is repeated."""
    size = pixels.shape[0]
    x, y, half = ((box[0] + 1) * size / 2, (box[1] + 1) * size / 2, box[2] * size / 2)
    if 2 * half > 1.5 * side:  # shrinking by averaging first avoids aliasing
        shrink = side / (2 * half)
        pixels = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        x, y, half = x * shrink, y * shrink, side / 2
    zoom = side / (2 * half)
    matrix = np.array([[zoom, 0, (half - x) * zoom + (zoom - 1) / 2], [0, zoom, (half - y) * zoom + (zoom - 1) / 2]])
    return cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def to_uint8(picture: Array) -> Image:
    """Float 0..1 → uint8 0..255, rounded and clipped."""
    return np.round(picture * 255).clip(0, 255).astype(np.uint8)
