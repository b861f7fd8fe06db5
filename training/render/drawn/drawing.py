"""A small vector drawing: smooth outlines, flat and graded fills, tapered strokes, on a supersampled canvas."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from scipy.interpolate import CubicSpline

from training.render.arrays import Array

SIZE = 768  # units along each side, which are pixels of the finished picture
SCALE = 3  # supersampling: samples along each side of a pixel
SHIFT = 6  # binary places that OpenCV keeps of coordinates
Points = Sequence[tuple[float, float]]


def rgb(code: str) -> Array:
    """Colour (3,) 0..1 of a code such as `#ffcc99`."""
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255


def curve(points: Points, closed: bool = False, steps: int = 14) -> Array:
    """Smooth line (N, 2) through points."""
    knots = np.array(points, np.float64)
    if closed:
        knots = np.concatenate([knots, knots[:1]])
    along = np.concatenate([[0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(knots, axis=0), axis=1)) + 1e-6)])
    spline = CubicSpline(along, knots, bc_type="periodic" if closed else "natural")
    return spline(np.linspace(0, along[-1], steps * (len(knots) - 1) + 1)).astype(np.float32)


def arcs(corners: Points, bulge: float) -> Array:
    """Line (N, 2) through corners along arcs that bulge to the left by this share of their length."""
    line, out = np.array(corners, np.float64), []
    for a, b in pairwise(line):
        t = np.linspace(0, 1, 16)[:, None]
        normal = np.array([b[1] - a[1], a[0] - b[0]])
        out.append(a + (b - a) * t + normal * bulge * 4 * t * (1 - t))
    return np.concatenate(out).astype(np.float32)


def mirrored(points: Array) -> Array:
    """Points (N, 2) on the other side of the middle, in reverse order."""
    return (points * np.array([-1, 1], np.float32) + np.array([SIZE, 0], np.float32))[::-1]


def both(points: Array) -> Array:
    """Closed outline of a half outline (N, 2) that begins and ends in the middle."""
    return np.concatenate([points, mirrored(points)])


class Drawing:
    """A picture that is drawn shape upon shape; canvas (S, S, 3) sRGB 0..1."""

    def __init__(self) -> None:
        self.side = SIZE * SCALE
        self.canvas = np.ones((self.side, self.side, 3), np.float32)
        self.rows = ((np.arange(self.side) + 0.5) / SCALE)[:, None].astype(np.float32)

    def mask(self, *outlines: Array) -> Array:
        """Samples 0 or 1 (S, S) inside any of the closed outlines (N, 2)."""
        out = np.zeros((self.side, self.side), np.uint8)
        for outline in outlines:
            cv2.fillPoly(out, [np.round(outline * SCALE * (1 << SHIFT)).astype(np.int32)], 1, cv2.LINE_8, SHIFT)
        return out.astype(np.float32)

    def ellipse(self, x: float, y: float, rx: float, ry: float) -> Array:
        """Samples inside an ellipse."""
        turn = np.linspace(0, 2 * np.pi, 120)
        return self.mask(np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn)], 1).astype(np.float32))

    def fill(self, mask: Array, colour: Array, alpha: float = 1.0) -> None:
        """Blend a colour (3,) or (S, 1, 3) or (S, S, 3) where mask (S, S)."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        weight = alpha * mask[box][..., None]
        if colour.ndim == 3:
            colour = colour[box[0]] if colour.shape[1] == 1 else colour[box]
        self.canvas[box] += (colour - self.canvas[box]) * weight

    def multiply(self, mask: Array, colour: Array) -> None:
        """Multiply by a colour (3,) where mask (S, S)."""
        self.canvas *= 1 + (colour - 1) * mask[..., None]

    def graded(self, top: float, bottom: float, *colours: str) -> Array:
        """Vertical gradient (S, 1, 3) of colours between two heights."""
        stops = np.stack([rgb(c) for c in colours])
        at = np.clip((self.rows - top) / (bottom - top), 0, 1) * (len(stops) - 1)
        channels = [np.interp(at[:, 0], np.arange(len(stops)), stops[:, c]) for c in range(3)]
        return np.stack(channels, -1)[:, None].astype(np.float32)

    def line(self, points: Array, width: float, start: float = 0.2, end: float = 0.2) -> Array:
        """Samples of a stroke along points (N, 2), `width` in its middle, tapered to these shares at both ends."""
        length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        t = length / max(length[-1], 1e-6)
        share = np.minimum(start + (1 - start) * np.clip(t / 0.4, 0, 1), end + (1 - end) * np.clip((1 - t) / 0.4, 0, 1))
        tangent = np.gradient(points, axis=0)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-6
        side = np.stack([-tangent[:, 1], tangent[:, 0]], 1) * (width / 2 * share)[:, None]
        out = self.mask(np.concatenate([points + side, (points - side)[::-1]]).astype(np.float32))
        for end_point, size in ((points[0], share[0]), (points[-1], share[-1])):
            if width * size > 1:
                x, y = map(float, end_point)
                out = np.maximum(out, self.ellipse(x, y, width / 2 * size, width / 2 * size))
        return out

    def soft(self, mask: Array, radius: float) -> Array:
        """A mask (S, S) blurred by `radius` units."""
        return cv2.GaussianBlur(mask, (0, 0), radius * SCALE)

    def moved(self, mask: Array, x: float, y: float) -> Array:
        """A mask (S, S) shifted right and down."""
        shift = np.array([[1, 0, x * SCALE], [0, 1, y * SCALE]], np.float32)
        return cv2.warpAffine(mask, shift, (self.side, self.side))

    def finish(self) -> Array:
        """The picture (SIZE, SIZE, 3) sRGB 0..1."""
        return cv2.resize(np.clip(self.canvas, 0, 1), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
