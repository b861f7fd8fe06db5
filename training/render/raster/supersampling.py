"""Supersampled hits averaged into pixels: labels, matte, colours over a background, surface coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.compile import compile_cached
from training.render.arrays import Array, Ints
from training.render.raster.raster import Hits

ZERO, ONE = np.float32(0), np.float32(1)  # compiled loops stay in single precision with these


@compile_cached(error_model="numpy")
def _labels(triangle, label, scale, out):  # type: ignore[no-untyped-def]
    count = np.zeros(16, np.int32)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            count[:] = 0
            for dy in range(scale):
                for dx in range(scale):
                    face = triangle[y * scale + dy, x * scale + dx]
                    count[0 if face < 0 else label[face]] += 1
            winner = 0
            for n in range(16):
                if count[n] > count[winner]:
                    winner = n
            out[y, x] = winner


def labels(hits: Hits, label: Ints, scale: int) -> NDArray[np.uint8]:
    """Majority label of each pixel (h, w), 0 = background."""
    size = hits.triangle.shape[0] // scale
    out = np.zeros((size, size), np.uint8)
    _labels(hits.triangle, label, scale, out)
    return out


def coverage(hits: Hits, scale: int) -> Array:
    """Matte (h, w) 0..1: the share of each pixel that the mesh covers."""
    covered = (hits.triangle >= 0).view(np.uint8)
    count = sum(covered[y::scale, x::scale] for y in range(scale) for x in range(scale))
    return np.asarray(count, np.float32) / np.float32(scale * scale)


@compile_cached(fastmath=True, error_model="numpy")
def _resolve(canvas, triangle, background, scale, out):  # type: ignore[no-untyped-def]
    share = ONE / np.float32(scale * scale)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            red, green, blue, empty = ZERO, ZERO, ZERO, ZERO
            for dy in range(scale):
                for dx in range(scale):
                    yy, xx = y * scale + dy, x * scale + dx
                    if triangle[yy, xx] < 0:
                        empty += share
                        continue
                    red += share * min(max(canvas[yy, xx, 0], ZERO), ONE)
                    green += share * min(max(canvas[yy, xx, 1], ZERO), ONE)
                    blue += share * min(max(canvas[yy, xx, 2], ZERO), ONE)
            out[y, x, 0] = red + empty * background[y, x, 0]
            out[y, x, 1] = green + empty * background[y, x, 1]
            out[y, x, 2] = blue + empty * background[y, x, 2]


def resolve(canvas: Array, hits: Hits, background: Array, scale: int) -> Array:
    """A supersampled canvas (H, W, 3) over a background (h, w, 3), box-filtered to the picture (h, w, 3) 0..1."""
    out = np.empty_like(background, np.float32)
    _resolve(canvas, hits.triangle, np.ascontiguousarray(background, np.float32), scale, out)
    return out


@compile_cached(error_model="numpy")
def _surface_positions(triangle, weights, faces, label, majority, rest, scale, out):  # type: ignore[no-untyped-def]
    for y in range(majority.shape[0]):
        for x in range(majority.shape[1]):
            count = ZERO
            for dy in range(scale):
                for dx in range(scale):
                    yy, xx = y * scale + dy, x * scale + dx
                    face = triangle[yy, xx]
                    if face < 0 or label[face] != majority[y, x]:
                        continue
                    u, v = weights[yy, xx, 0], weights[yy, xx, 1]
                    count += ONE
                    for k in range(3):
                        a, b, c = rest[faces[face, 0], k], rest[faces[face, 1], k], rest[faces[face, 2], k]
                        out[k, y, x] += u * a + v * b + (ONE - u - v) * c
            if count > 0:
                for k in range(3):
                    out[k, y, x] /= count


def surface_positions(
    hits: Hits, faces: Ints, label: Ints, majority: NDArray[np.uint8], rest: Array, scale: int
) -> Array:
    """Rest-pose position (3, h, w), cm, of the surface point that each pixel shows; 0 on the background.

    label (F,): of each triangle. majority (h, w): from `labels`. rest (V, 3): vertices in the rest pose.
    """
    out = np.zeros((3, *majority.shape), np.float32)
    _surface_positions(hits.triangle, hits.weights, faces, label, majority, rest, scale, out)
    return out
