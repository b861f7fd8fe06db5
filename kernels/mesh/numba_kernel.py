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


@recorded_whole
def draw_mesh(points: Tensor, buckets: list[Bucket], values: Tensor, size: int) -> Tensor:
    """See `kernels.mesh.draw_mesh`."""
    batch = len(points)
    corners, triangles = points.contiguous().numpy(), [bucket.triangles.numpy() for bucket in buckets]
    all_triangles = np.concatenate(triangles)
    visible = [None if bucket.visible is None else bucket.visible.numpy() for bucket in buckets]
    vertex_values = values.expand(batch, -1, -1).contiguous().numpy()
    out = torch.empty(batch, values.shape[-1], size, size)
    for i in range(batch):
        best = np.full((size, size), EMPTY, np.int32)
        planes = np.empty((len(all_triangles), 9), np.float32)
        first = 0
        for bucket, faces, mask in zip(buckets, triangles, visible, strict=True):
            drawn = np.ones(len(faces), np.bool_) if mask is None else mask[i]
            cover(corners[i], faces, drawn, bucket.window, first, best, planes)
            first += len(faces)
        fill(best, planes, all_triangles, vertex_values[i], out[i].numpy())
    return out


@compiled
def cover(points, triangles, drawn, window, first, best, planes):  # type: ignore[no-untyped-def]
    """Depth test of a bucket's triangles, which are numbered from `first` on: writes the least sort key of each cell to
    best (size, size), and to planes (F, 9) the weights of the corners as in `kernels.mesh.reference`.
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
            planes[first + f, k], planes[first + f, 3 + k] = a[k], b[k]
            planes[first + f, 6 + k] = start[k] - a[k] * left - b[k] * top
        right = min(math.floor(max(x[0], x[1], x[2])) + 1, left + window, size)
        bottom = min(math.floor(max(y[0], y[1], y[2])) + 1, top + window, size)
        for row in range(max(top, 0), bottom):
            for column in range(max(left, 0), right):
                s, t = np.float32(column - left), np.float32(row - top)
                u, v = start[0] + a[0] * s + b[0] * t, start[1] + a[1] * s + b[1] * t
                w = start[2] + a[2] * s + b[2] * t
                if min(u, v, w) >= MIN_WEIGHT:
                    depth = min(max(u * z[0] + v * z[1] + w * z[2], np.float32(-4)), np.float32(4))
                    key = (np.int32((depth + np.float32(4)) * np.float32(DEPTH_SCALE)) << TRIANGLE_BITS) + first + f
                    best[row, column] = min(best[row, column], key)


@compiled
def fill(best, planes, triangles, values, out):  # type: ignore[no-untyped-def]
    """Interpolate vertex values (V, C) in the nearest triangle of each cell, 0 in empty cells. out: (C, size, size)."""
    for row in range(best.shape[0]):
        for column in range(best.shape[1]):
            if best[row, column] >= EMPTY:
                for c in range(out.shape[0]):
                    out[c, row, column] = 0
                continue
            f = best[row, column] & TRIANGLE_MASK
            i, j, k = triangles[f, 0], triangles[f, 1], triangles[f, 2]
            u = planes[f, 0] * column + planes[f, 3] * row + planes[f, 6]
            v = planes[f, 1] * column + planes[f, 4] * row + planes[f, 7]
            w = planes[f, 2] * column + planes[f, 5] * row + planes[f, 8]
            for c in range(out.shape[0]):
                out[c, row, column] = u * values[i, c] + v * values[j, c] + w * values[k, c]
