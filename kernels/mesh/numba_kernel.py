"""`draw_mesh` on a CPU: a loop over triangles, compiled by numba."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from kernels.compile import compile_cached
from kernels.mesh.bucket import DEPTH_SCALE, EMPTY, MIN_AREA, MIN_WEIGHT, TRIANGLE_BITS, TRIANGLE_MASK, Bucket
from kernels.tape.opaque import recorded_whole

compiled = compile_cached(error_model="numpy")
part = compile_cached(error_model="numpy", _nrt=False)  # without counting references


@recorded_whole
def draw_mesh(points: Tensor, buckets: list[Bucket], values: Tensor, size: int) -> Tensor:
    """See `kernels.mesh.draw_mesh`."""
    batch, counts = len(points), np.array([len(bucket.triangles) for bucket in buckets])
    triangles = np.concatenate([bucket.triangles.numpy() for bucket in buckets])
    drawn = np.concatenate([_visible(bucket, batch) for bucket in buckets], 1)
    windows = np.repeat([bucket.window for bucket in buckets], counts)
    vertex_values = values.expand(batch, -1, -1).mT.contiguous().numpy()
    out = torch.empty(batch, values.shape[-1], size, size)
    draw_batch(points.contiguous().numpy(), triangles, drawn, windows, vertex_values, out.numpy())
    return out


def _visible(bucket: Bucket, batch: int) -> np.ndarray:
    """(B, F) bool, the triangles of a bucket that are drawn."""
    return np.ones((batch, len(bucket.triangles)), np.bool_) if bucket.visible is None else bucket.visible.numpy()


@compiled
def draw_batch(points, triangles, drawn, windows, values, out):  # type: ignore[no-untyped-def]
    """B meshes. points: (B, V, 3); triangles: (F, 3); drawn: (B, F); windows: (F,) cells; values: (B, C, V); out:
    (B, C, size, size).
    """
    size = out.shape[2]
    best, planes = np.empty((size, size), np.int32), np.empty((len(triangles), 9), np.float32)
    for i in range(len(points)):
        best[:] = EMPTY
        cover(points[i], triangles, drawn[i], windows, best, planes)
        fill(best, planes, triangles, values[i], out[i])


@compiled
def cover(points, triangles, drawn, windows, best, planes):  # type: ignore[no-untyped-def]
    """Depth test of triangles: writes the least sort key of each cell to best (size, size), and to planes (F, 9) the
    weights of the corners as in `kernels.mesh.reference`.
    """
    size, half = best.shape[0], np.float32(best.shape[0] * 0.5)
    x, y, z = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    a, b, start = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    for f in range(len(triangles)):
        if not drawn[f]:
            continue
        for k in range(3):
            vertex = triangles[f, k]
            x[k] = (points[vertex, 0] + np.float32(1)) * half - np.float32(0.5)
            y[k] = (points[vertex, 1] + np.float32(1)) * half - np.float32(0.5)
            z[k] = points[vertex, 2]
        area = (x[1] - x[0]) * (y[2] - y[1]) - (y[1] - y[0]) * (x[2] - x[1])
        if not area > MIN_AREA:  # back-facing, degenerate, or NaN
            continue
        left, top = math.ceil(min(x[0], x[1], x[2])), math.ceil(min(y[0], y[1], y[2]))
        for k in range(3):  # the edge opposite to each corner
            i, j = (k + 1) % 3, (k + 2) % 3
            a[k], b[k] = -(y[j] - y[i]) / area, (x[j] - x[i]) / area
            start[k] = a[k] * (left - x[i]) + b[k] * (top - y[i])
            planes[f, k], planes[f, 3 + k] = a[k], b[k]
            planes[f, 6 + k] = start[k] - a[k] * left - b[k] * top
        right = min(math.floor(max(x[0], x[1], x[2])) + 1, left + windows[f], size)
        bottom = min(math.floor(max(y[0], y[1], y[2])) + 1, top + windows[f], size)
        for row in range(max(top, 0), bottom):
            for column in range(max(left, 0), right):
                s, t = np.float32(column - left), np.float32(row - top)
                u, v = start[0] + a[0] * s + b[0] * t, start[1] + a[1] * s + b[1] * t
                w = start[2] + a[2] * s + b[2] * t
                if min(u, v, w) >= MIN_WEIGHT:
                    depth = min(max(u * z[0] + v * z[1] + w * z[2], np.float32(-4)), np.float32(4))
                    key = (np.int32((depth + np.float32(4)) * np.float32(DEPTH_SCALE)) << TRIANGLE_BITS) + f
                    best[row, column] = min(best[row, column], key)


@compiled
def fill(best, planes, triangles, values, out):  # type: ignore[no-untyped-def]
    """Interpolate vertex values (C, V) in the nearest triangle of each cell, 0 in empty cells. out: (C, size, size)."""
    size = best.shape[1]
    fill_rows(best, planes, triangles, values, np.empty((3, size), np.uint32), np.empty((3, size), np.float32), out)


@part
def fill_rows(best, planes, triangles, values, corners, weights, out):  # type: ignore[no-untyped-def]
    """`fill`. corners, weights: (3, size), which are overwritten."""
    for row in range(best.shape[0]):
        first, last = covered_span(best[row])
        for c in range(out.shape[0]):
            out[c, row, :first] = np.float32(0)
            out[c, row, last:] = np.float32(0)
        if first < last:
            locate_corners(best[row, first:last], row, first, planes, triangles, corners, weights)
            for c in range(out.shape[0]):
                mix_corners(corners, weights, values[c], out[c, row, first:last])


@part
def covered_span(best):  # type: ignore[no-untyped-def]
    """The first covered cell of a row (size,), and the one after the last; twice the row's end if there is none."""
    first, last = 0, best.shape[0]
    while first < last and best[first] >= EMPTY:
        first += 1
    while first < last and best[last - 1] >= EMPTY:
        last -= 1
    return first, last


@part
def locate_corners(best, row, first, planes, triangles, corners, weights):  # type: ignore[no-untyped-def]
    """Corners and weights (3, size) in the triangles of a row's cells from `first` on, 0 in empty ones."""
    for x in range(best.shape[0]):
        column = first + x
        f = best[x] & TRIANGLE_MASK
        is_covered = best[x] < EMPTY
        for k in range(3):
            corners[k, x] = triangles[f, k] if is_covered else 0
            weight = planes[f, k] * column + planes[f, 3 + k] * row + planes[f, 6 + k] if is_covered else 0
            weights[k, x] = weight


@part
def mix_corners(corners, weights, values, out):  # type: ignore[no-untyped-def]
    """One row (n,) of one vertex value (V,), from corners and weights (3, ≥n) of each cell's triangle."""
    for x in range(out.shape[0]):
        mixed = weights[0, x] * values[corners[0, x]] + weights[1, x] * values[corners[1, x]]
        out[x] = mixed + weights[2, x] * values[corners[2, x]]
