"""The square canvas on which a picture is rigged and drawn.

Canvas units: x right, y down, both -1..1 from edge to edge of the square.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Image
from streamer.rigging.picture import Picture

Array = NDArray[np.float32]
Box = tuple[float, float, float]  # centre x, y and half side of a square, canvas units
WHOLE_CANVAS: Box = (0.0, 0.0, 1.0)

Beyond = Literal["symmetric", "edge"]
CUT_OUT_SHARE = 0.01  # of a picture's pixels that must be transparent for its alpha to serve as the matte


class Rect(NamedTuple):
    """Upper left corner and size of a rectangle, in pixels of a picture, beyond whose border it may reach."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Canvas:
    """A picture, or a rectangle around a part of it, centred on a square of S pixels.

    The whole picture is continued beyond its edges by reflection, a part by its last pixels, which show nobody twice.

    rgb: (S, S, 3) float32 0..1.
    alpha: (S, S) float32 0..1, 0 beyond the picture.
    full: (L, L, 3) uint8, the same square at the resolution of the picture, L its longer side; for a part of it L = S.
    left, top: place of the picture's upper left corner, canvas pixels.
    width, height: size of the picture, canvas pixels.
    scale: canvas pixels of one pixel of the picture.
    cut_out: whether the picture has transparent parts, so that its alpha is the matte.
    """

    rgb: Array
    alpha: Array
    full: Image
    left: float
    top: float
    width: float
    height: float
    scale: float
    cut_out: bool

    @property
    def size(self) -> int:
        """S, pixels along a side."""
        return self.rgb.shape[0]

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """A point in canvas units as pixels of the picture."""
        half = self.size / 2
        return ((x + 1) * half - self.left) / self.scale, ((y + 1) * half - self.top) / self.scale

    @property
    def inside(self) -> tuple[slice, slice]:
        """Rows and columns of the canvas that show the picture itself."""
        top, left = max(0, round(self.top)), max(0, round(self.left))
        return slice(top, round(self.top + self.height)), slice(left, round(self.left + self.width))

    @property
    def margins(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Pixels of the canvas above and below, and to the left and right of the picture."""
        rows, columns = (each.indices(self.size) for each in self.inside)
        return (rows[0], self.size - rows[1]), (columns[0], self.size - columns[1])


def place_on_canvas(picture: Picture, size: int, rect: Rect | None = None) -> Canvas:
    """Scale a picture to fit a canvas of `size` pixels and centre it; transparent parts are composited on white.

    rect: what to show instead of the whole picture, pixels of the picture.
    """
    rgba = picture.rgba
    height, width = rgba.shape[:2]
    full_side = max(height, width) if rect is None else size
    beyond: Beyond = "symmetric" if rect is None else "edge"
    rect = rect or Rect(0, 0, width, height)
    side = max(rect.width, rect.height)
    pixels = premultiplied(rgba)  # the resampling then ignores the colours of transparent ones
    small, left, top = _square(pixels, rect, size, beyond)
    full = small if full_side == size else _square(pixels, rect, full_side, beyond)[0]
    scale = size / side
    alpha = np.zeros((size, size), np.float32)
    columns, rows = (
        slice(max(0, round(start)), max(0, round(start + length * scale)))
        for start, length in ((left, width), (top, height))
    )
    alpha[rows, columns] = small[rows, columns, 3]
    return Canvas(
        rgb=on_white(small),
        alpha=alpha,
        full=to_uint8(on_white(full)),
        left=left,
        top=top,
        width=width * scale,
        height=height * scale,
        scale=scale,
        cut_out=bool((rgba[..., 3] < 128).mean() > CUT_OUT_SHARE),
    )


def premultiplied(rgba: Image) -> Array:
    """RGBA (H, W, 4), 0..1, with colours times alpha, of straight RGBA (H, W, 4), 0..255."""
    pixels = rgba.astype(np.float32) / 255
    pixels[..., :3] = pixels[..., :3] * pixels[..., 3:]
    return pixels


def on_white(pixels: Array) -> Array:
    """Premultiplied RGBA (H, W, 4) composited on white, (H, W, 3)."""
    return pixels[..., :3] + 1 - pixels[..., 3:]


def whole_on_white(picture: Picture) -> Image:
    """All pixels of a picture (H, W, 3), composited on white."""
    return to_uint8(on_white(premultiplied(picture.rgba)))


def _square(pixels: Array, rect: Rect, size: int, beyond: Beyond) -> tuple[Array, float, float]:
    """The square around a rectangle of a picture (H, W, C), resampled to (size, size, C).

    beyond: numpy's mode of continuing the picture. Also returns the place of its upper left corner on the square,
    pixels.
    """
    scale = size / max(rect.width, rect.height)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    margins, corner = [], []
    for axis, middle in enumerate((rect.top + rect.height / 2, rect.left + rect.width / 2)):
        limit, reach = pixels.shape[axis], size / scale / 2 + 2  # two pixels more than shown, for the interpolation
        first = min(max(0, math.floor(middle - reach)), limit - 1)
        pixels = pixels.take(range(first, max(first + 1, min(limit, math.ceil(middle + reach)))), axis)
        length = max(2, round(pixels.shape[axis] * scale))
        before = math.floor(size / 2 - (middle - first) / pixels.shape[axis] * length + 1e-6)
        margins.append((before, size - before - length))
        corner.append(before - first * scale)
    shape = [size - before - after for before, after in margins]
    pixels = cv2.resize(pixels, (shape[1], shape[0]), interpolation=method).clip(0, 1)
    pad = [(max(0, before), max(0, after)) for before, after in margins]
    pixels = np.pad(pixels, (*pad, (0, 0)), mode=beyond)
    skip = [max(0, -before) for before, _ in margins]
    pixels = pixels[skip[0] : skip[0] + size, skip[1] : skip[1] + size]
    return pixels.astype(np.float32), corner[1], corner[0]


def canvas_pixels(points: Array, size: int) -> Array:
    """Points (N, ≥2), canvas units, as pixels (N, 2) of a canvas of `size` pixels, whose centres are whole numbers."""
    return (points[:, :2] + 1) * size / 2 - 0.5


def original_grid(canvas: Canvas, picture: Picture) -> tuple[float, tuple[float, float]]:
    """Where the upright original file, in whose pixels hand-placed points are given, lies on a canvas of a picture, if
    it is turned as the picture is: canvas pixels for one of its pixels, and the place of its upper left corner.
    """
    scale = canvas.width / (picture.rgba.shape[1] / picture.scale)
    return scale, (canvas.left - picture.left * scale, canvas.top - picture.top * scale)


def crop(pixels: Image, box: Box, side: int) -> Image:
    """A box of a picture (H, W, 3), resampled to (side, side, 3); beyond the picture its border is repeated. The box's
    units: (-1, -1) is the picture's upper left corner, and its height is 2.
    """
    size = pixels.shape[0]
    x, y, half = ((box[0] + 1) * size / 2, (box[1] + 1) * size / 2, box[2] * size / 2)
    if 2 * half > 1.5 * side:  # shrinking by averaging first avoids aliasing
        shrink = side / (2 * half)
        pixels = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        x, y, half = x * shrink, y * shrink, side / 2
    zoom = side / (2 * half)
    matrix = np.array([[zoom, 0, (half - x) * zoom + (zoom - 1) / 2], [0, zoom, (half - y) * zoom + (zoom - 1) / 2]])
    return cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def picture_crop(canvas: Canvas, box: Box, side: int) -> tuple[Image, Box] | None:
    """What a box shows of the picture itself, without the canvas's margins, with `side` pixels on its longer side.

    Also returns the square around that part, canvas units. None where a box shows nothing of the picture.
    """
    size = canvas.full.shape[0]
    unit = size / canvas.size  # pixels of `full` for one of the canvas
    starts, ends = [], []
    for start, length, middle in ((canvas.top, canvas.height, box[1]), (canvas.left, canvas.width, box[0])):
        low, high = ((middle + sign * box[2] + 1) * size / 2 for sign in (-1, 1))
        starts.append(max(round(max(low, start * unit)), 0))
        ends.append(min(round(min(high, (start + length) * unit)), size))
    height, width = ends[0] - starts[0], ends[1] - starts[1]
    if min(height, width) < 2:
        return None
    zoom = side / max(height, width)
    shape = max(round(width * zoom), 1), max(round(height * zoom), 1)
    part = canvas.full[starts[0] : ends[0], starts[1] : ends[1]]
    pixels = cv2.resize(part, shape, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
    y, x = ((start + end) / size - 1 for start, end in zip(starts, ends, strict=True))
    return pixels, (x, y, max(height, width) / size)


def on_canvas(values: Array, box: Box, size: int) -> Array:
    """(size, size) values (H, W) of a part of the picture where that lies on a canvas, 0 around it. box: the square
    around the part, see `picture_crop`.
    """
    zoom = max(values.shape) / (box[2] * size)
    starts = zip(box[:2], values.shape[::-1], strict=True)
    corner = [(middle + 1) * size / 2 - length / (2 * zoom) for middle, length in starts]
    matrix = np.array([[zoom, 0, (0.5 - corner[0]) * zoom - 0.5], [0, zoom, (0.5 - corner[1]) * zoom - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(values, matrix, (size, size), flags=flags), np.float32)


def to_uint8(picture: Array) -> Image:
    """Float 0..1 → uint8 0..255, rounded and clipped."""
    return np.round(picture * 255).clip(0, 255).astype(np.uint8)
