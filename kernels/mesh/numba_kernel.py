"""`draw_mesh` on a CPU: a loop over triangles, then one over cells, compiled by numba."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from kernels.compile import compile_cached
from kernels.mesh.bucket import DEPTH_SCALE, EMPTY, MIN_AREA, MIN_WEIGHT, TRIANGLE_BITS, TRIANGLE_MASK, Bucket
from kernels.tape.opaque import recorded_whole

compiled = compile_cached(error_model="numpy", fastmath={"contract"})  # NaN and infinities are kept
part = compile_cached(error_model="numpy", fastmath={"contract"}, _nrt=False)  # without counting references
ZERO, ONE, HALF = (np.float32(value) for value in (0, 1, 0.5))
NEAREST, FARTHEST, SCALE = np.float32(-4), np.float32(4), np.float32(DEPTH_SCALE)  # z; levels of depth per unit of it
MIN_AREA32, MIN_WEIGHT32 = np.float32(MIN_AREA), np.float32(MIN_WEIGHT)
MASK = np.int32(TRIANGLE_MASK)


def draw_mesh(points: Tensor, buckets: list[Bucket], values: Tensor, size: int) -> Tensor:
    """See `kernels.mesh.draw_mesh`. The buckets are joined by operations that a recording computes once."""
    batch = len(points)
    triangles = torch.cat([bucket.triangles for bucket in buckets]).int()
    windows = torch.cat([torch.full((len(bucket.triangles),), bucket.window) for bucket in buckets]).int()
    return draw_triangles(
        points, triangles, windows, torch.cat([_visible(each, batch) for each in buckets], 1), values, size
    )


def _visible(bucket: Bucket, batch: int) -> Tensor:
    """(B, F) bool, the triangles of a bucket that are drawn."""
    return torch.ones(batch, len(bucket.triangles), dtype=torch.bool) if bucket.visible is None else bucket.visible


@recorded_whole
def draw_triangles(
    points: Tensor, triangles: Tensor, windows: Tensor, visible: Tensor, values: Tensor, size: int
) -> Tensor:
    """`draw_mesh` with all triangles in one tensor (F, 3), int32. windows: (F,), int32; visible: (B, F), bool."""
    out = torch.empty(len(points), values.shape[-1], size, size)
    parts = [part.contiguous().numpy() for part in (points, triangles, windows, visible, values)]
    draw_batch(*parts, out.numpy())
    return out


@compiled
def draw_batch(points, triangles, windows, drawn, values, out):  # type: ignore[no-untyped-def]
    """B meshes. points: (B, V, 3); triangles: (F, 3); windows: (F,) cells; drawn: (B, F); values: (B or 1, V, C); out:
    (B, C, size, size).
    """
    channels, size = out.shape[1], out.shape[2]
    best, numbers = np.empty((size, size), np.int32), np.empty(size, np.uint32)
    planes = np.empty((len(triangles) + 1, 3, channels), np.float32)
    planes[len(triangles)] = ZERO  # of cells without a triangle
    spans = np.empty((size, 2), np.int64)
    for i in range(len(points)):
        best[:] = EMPTY
        spans[:, 0], spans[:, 1] = size, 0
        cover(points[i], triangles, windows, drawn[i], values[min(i, len(values) - 1)], best, spans, planes)
        fill_rows(best, spans, planes.reshape(-1), len(triangles), numbers, out[i])


@part
def cover(points, triangles, windows, drawn, values, best, spans, planes):  # type: ignore[no-untyped-def]
    """Depth test of triangles: writes the least sort key of each cell to best (size, size), to spans (size, 2) between
    which columns of each row there are triangles, and to planes (F, 3, C) how the values (V, C) go on from cell to cell
    in each of them: by column, by row, and in the first cell of the grid.
    """
    size, half = best.shape[0], np.float32(best.shape[0]) * HALF
    for f in range(triangles.shape[0]):
        if not drawn[f]:
            continue
        v0, v1, v2 = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        x0, y0 = (points[v0, 0] + ONE) * half - HALF, (points[v0, 1] + ONE) * half - HALF
        x1, y1 = (points[v1, 0] + ONE) * half - HALF, (points[v1, 1] + ONE) * half - HALF
        x2, y2 = (points[v2, 0] + ONE) * half - HALF, (points[v2, 1] + ONE) * half - HALF
        area = (x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1)
        if not area > MIN_AREA32:  # back-facing, degenerate, or NaN
            continue
        left, top = math.ceil(min(x0, x1, x2)), math.ceil(min(y0, y1, y2))
        right = min(math.floor(max(x0, x1, x2)) + 1, left + windows[f], size)
        bottom = min(math.floor(max(y0, y1, y2)) + 1, top + windows[f], size)
        begin, first = max(top, 0), max(left, 0)
        if begin >= bottom or first >= right:
            continue
        # The weight of each corner by column and by row, from the edge opposite to it, and in the window's first cell.
        scale, column, row = ONE / area, np.float32(left), np.float32(top)
        a0, b0 = (y1 - y2) * scale, (x2 - x1) * scale
        a1, b1 = (y2 - y0) * scale, (x0 - x2) * scale
        a2, b2 = (y0 - y1) * scale, (x1 - x0) * scale
        w0, w1 = a0 * (column - x1) + b0 * (row - y1), a1 * (column - x2) + b1 * (row - y2)
        w2 = a2 * (column - x0) + b2 * (row - y0)
        z0, z1, z2 = points[v0, 2], points[v1, 2], points[v2, 2]
        az, bz, wz = a0 * z0 + a1 * z1 + a2 * z2, b0 * z0 + b1 * z1 + b2 * z2, w0 * z0 + w1 * z1 + w2 * z2
        c1, c2 = w1 - a1 * column - b1 * row, w2 - a2 * column - b2 * row
        for c in range(values.shape[1]):
            by_second, by_third = values[v1, c] - values[v0, c], values[v2, c] - values[v0, c]
            planes[f, 0, c] = a1 * by_second + a2 * by_third
            planes[f, 1, c] = b1 * by_second + b2 * by_third
            planes[f, 2, c] = values[v0, c] + c1 * by_second + c2 * by_third
        for y in range(begin, bottom):
            spans[y, 0], spans[y, 1] = min(spans[y, 0], first), max(spans[y, 1], right)
            down = np.float32(y - top)
            r0, r1, r2, depth = w0 + b0 * down, w1 + b1 * down, w2 + b2 * down, wz + bz * down
            for x in range(first, right):
                across = np.float32(x - left)
                if min(r0 + a0 * across, r1 + a1 * across, r2 + a2 * across) >= MIN_WEIGHT32:
                    level = np.int32((min(max(depth + az * across, NEAREST), FARTHEST) - NEAREST) * SCALE)
                    best[y, x] = min(best[y, x], (level << TRIANGLE_BITS) + np.int32(f))


@part
def fill_rows(best, spans, planes, none, numbers, out):  # type: ignore[no-untyped-def]
    """The values of the nearest triangle of each cell, 0 in empty cells. spans, planes: from `cover`, the latter flat.
    none: the number of the planes of empty cells. numbers: (size,), which are overwritten. out: (C, size, size).
    """
    channels = out.shape[0]
    for row in range(best.shape[0]):
        first, last = spans[row, 0], spans[row, 1]
        for c in range(channels):
            out[c, row, :first] = ZERO
            out[c, row, max(first, last) :] = ZERO
        if first < last:
            locate_planes(best[row, first:last], none, 3 * channels, numbers)
            for c in range(channels):
                fill_row(numbers, planes, c, channels, row, first, out[c, row, first:last])


@part
def locate_planes(best, none, width, numbers):  # type: ignore[no-untyped-def]
    """Where in the flat planes those of a row's cells (n,) begin; `none`: the number of those of empty cells."""
    for x in range(best.shape[0]):
        triangle = best[x] & MASK if best[x] < EMPTY else np.int32(none)
        numbers[x] = np.uint32(triangle * np.int32(width))


@part
def fill_row(numbers, flat, c, channels, row, first, out):  # type: ignore[no-untyped-def]
    """One row (n,) of one value, from the column `first` on."""
    by_column, by_row, start = np.uint32(c), np.uint32(channels + c), np.uint32(2 * channels + c)
    y = np.float32(row)
    for x in range(out.shape[0]):
        n = numbers[x]
        out[x] = flat[n + by_column] * np.float32(first + x) + flat[n + by_row] * y + flat[n + start]
