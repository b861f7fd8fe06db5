"""`draw_mesh` on a CPU: a loop over triangles, compiled by numba."""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import njit
from torch import Tensor

from kernels.mesh import BACK, COVERED, Bucket

compiled = njit(nogil=True, cache=True, error_model="numpy")


def draw(points: Tensor, buckets: list[Bucket], values: Tensor, size: int) -> Tensor:
    """See `kernels.mesh.draw_mesh`."""
    batch = len(points)
    corners, triangles = points.contiguous().numpy(), [bucket.triangles.numpy() for bucket in buckets]
    everything = np.concatenate(triangles)
    shown = [None if bucket.shown is None else bucket.shown.numpy() for bucket in buckets]
    vertex = values.expand(batch, -1, -1).contiguous().numpy()
    out = torch.empty(batch, values.shape[-1], size, size)
    for i in range(batch):
        best = np.full((size, size), BACK << 13, np.int32)
        planes = np.empty((len(everything), 9), np.float32)
        first = 0
        for bucket, faces, visible in zip(buckets, triangles, shown, strict=True):
            seen = np.ones(len(faces), np.bool_) if visible is None else visible[i]
            cover(corners[i], faces, seen, bucket.window, first, best, planes)
            first += len(faces)
        fill(best, planes, everything, vertex[i], out[i].numpy())
    return out


@compiled
def cover(points, triangles, shown, window, first, best, planes):  # type: ignore[no-untyped-def]
    """Enter the triangles' numbers, from `first` on, and depths where they are nearest, best (size, size); planes
    (F, 9): their corners' weights over column and row.
    """
    size, half = best.shape[0], np.float32(best.shape[0] * 0.5)
    x, y, z = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    a, b, start = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    for f in range(len(triangles)):
        if not shown[f]:
            continue
        for k in range(3):
            vertex = triangles[f, k]
            x[k] = (points[vertex, 0] + np.float32(1)) * half - np.float32(0.5)
            y[k] = (points[vertex, 1] + np.float32(1)) * half - np.float32(0.5)
            z[k] = points[vertex, 2]
        area = (x[1] - x[0]) * (y[2] - y[1]) - (y[1] - y[0]) * (x[2] - x[1])
        if not area > 1e-3:  # seen from behind, degenerate, or not a number
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
                if min(u, v, w) >= COVERED:
                    depth = min(max(u * z[0] + v * z[1] + w * z[2], np.float32(-4)), np.float32(4))
                    key = (np.int32((depth + np.float32(4)) * np.float32((BACK - 1) / 8)) << 13) + first + f
                    best[row, column] = min(best[row, column], key)


@compiled
def fill(best, planes, triangles, values, out):  # type: ignore[no-untyped-def]
    """Interpolate vertex values (V, C) in the nearest triangles; zero where there is none. out (C, size, size)."""
    for row in range(best.shape[0]):
        for column in range(best.shape[1]):
            if best[row, column] >= BACK << 13:
                for c in range(out.shape[0]):
                    out[c, row, column] = 0
                continue
            f = best[row, column] & 0x1FFF
            i, j, k = triangles[f, 0], triangles[f, 1], triangles[f, 2]
            u = planes[f, 0] * column + planes[f, 3] * row + planes[f, 6]
            v = planes[f, 1] * column + planes[f, 4] * row + planes[f, 7]
            w = planes[f, 2] * column + planes[f, 5] * row + planes[f, 8]
            for c in range(out.shape[0]):
                out[c, row, column] = u * values[i, c] + v * values[j, c] + w * values[k, c]
