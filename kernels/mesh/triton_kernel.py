"""`draw_mesh` in Triton; imported only where Triton runs.

Two passes, neither of which waits for the device. In the first each thread walks over the cells around one triangle and
enters the triangle's sort key where it covers them, so that the nearest remains. In the second each cell looks up its
nearest triangle and computes the corners' weights again, which is cheaper than storing them for every triangle.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.backend import launching
from kernels.mesh.bucket import DEPTH_SCALE, EMPTY, MIN_AREA, MIN_WEIGHT, TRIANGLE_BITS, TRIANGLE_MASK, Bucket

_MIN_WEIGHT, _MIN_AREA = tl.constexpr(MIN_WEIGHT), tl.constexpr(MIN_AREA)
_DEPTH_SCALE, _EMPTY = tl.constexpr(DEPTH_SCALE), tl.constexpr(EMPTY)
_TRIANGLE_BITS, _TRIANGLE_MASK = tl.constexpr(TRIANGLE_BITS), tl.constexpr(TRIANGLE_MASK)
_OVERHANG = tl.constexpr(0.02)  # cells by which a triangle may cover more than its corners span, due to `MIN_WEIGHT`
_TRIANGLES_PER_PROGRAM = 32  # of the first pass, which takes as long as its largest triangle, so the fewer the better
_CELLS_PER_PROGRAM = 128  # of the second pass


@triton.jit
def _corner(points_ptr, vertex_ptr, half, mask):  # type: ignore[no-untyped-def]
    """x, y in cells and z of the vertices whose indices `vertex_ptr` points at."""
    point_ptr = points_ptr + tl.load(vertex_ptr, mask=mask, other=0) * 3
    x = (tl.load(point_ptr, mask=mask, other=0.0) + 1) * half - 0.5
    y = (tl.load(point_ptr + 1, mask=mask, other=0.0) + 1) * half - 0.5
    return x, y, tl.load(point_ptr + 2, mask=mask, other=0.0)


@triton.jit
def _weight(p, q, area, left, top):  # type: ignore[no-untyped-def]
    """The weight of the corner opposite to the edge p → q: its slope per column and per row, and its value at
    (left, top).
    """
    across, down = (p[1] - q[1]) / area, (q[0] - p[0]) / area
    return across, down, across * (left - p[0]) + down * (top - p[1])


@triton.jit
def _weight_at(weight, column, row):  # type: ignore[no-untyped-def]
    """A weight from `_weight` this many cells from where it starts."""
    return weight[2] + weight[0] * column + weight[1] * row


@triton.jit
def _set_up(points_ptr, triangles_ptr, number, half, mask):  # type: ignore[no-untyped-def]
    """Triangles on the grid: their corners, weights relative to the first cell of their bounding box, that cell (left,
    top), and which of them are front-facing.
    """
    p = _corner(points_ptr, triangles_ptr + number * 3, half, mask)
    q = _corner(points_ptr, triangles_ptr + number * 3 + 1, half, mask)
    r = _corner(points_ptr, triangles_ptr + number * 3 + 2, half, mask)
    area = (q[0] - p[0]) * (r[1] - q[1]) - (q[1] - p[1]) * (r[0] - q[0])
    is_front = mask & (area > _MIN_AREA)  # false for NaN
    area = tl.where(is_front, area, 1.0)
    left = tl.ceil(tl.minimum(tl.minimum(p[0], q[0]), r[0]))
    top = tl.ceil(tl.minimum(tl.minimum(p[1], q[1]), r[1]))
    weights = _weight(q, r, area, left, top), _weight(r, p, area, left, top), _weight(p, q, area, left, top)
    return (p, q, r), weights, left, top, is_front


@triton.jit
def _span(a, b, c, first, window, size, is_front):  # type: ignore[no-untyped-def]
    """Columns or rows that triangles may cover: the first of them on the grid, and how many."""
    last = tl.minimum(tl.floor(tl.maximum(tl.maximum(a, b), c) + _OVERHANG) + 1, first + window)
    begin, end = tl.clamp(first, 0.0, size * 1.0), tl.clamp(last, 0.0, size * 1.0)
    return tl.where(is_front, begin, 0.0).to(tl.int32), tl.where(is_front, end - begin, 0.0).to(tl.int32)


@triton.jit(do_not_specialize=["first", "count", "window"])
def _cover_kernel(  # type: ignore[no-untyped-def]
    points_ptr, triangles_ptr, visible_ptr, best_ptr, first, count, window, vertices, size,
    MASKED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Enter the sort keys of `count` triangles, numbered from `first` on. MASKED: not all of them are visible."""
    picture = tl.program_id(1).to(tl.int64)
    number = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = number < count
    if MASKED:
        mask &= tl.load(visible_ptr + picture * count + number, mask=mask, other=0) != 0
    number += first
    points_ptr += picture * vertices * 3
    corners, weights, left, top, is_front = _set_up(points_ptr, triangles_ptr, number, size * 0.5, mask)
    p, q, r = corners
    u, v, w = weights
    column, width = _span(p[0], q[0], r[0], left, window, size, is_front)
    row, height = _span(p[1], q[1], r[1], top, window, size, is_front)
    width = tl.maximum(width, 1)
    best_ptr += picture * size * size
    for cell in range(0, tl.max(width * tl.maximum(height, 0), 0)):
        x, y = column + cell % width, row + cell // width
        s, t = x - left, y - top
        a, b, c = _weight_at(u, s, t), _weight_at(v, s, t), _weight_at(w, s, t)
        in_box = (cell < width * height) & (x < size) & is_front
        covered = in_box & (tl.minimum(tl.minimum(a, b), c) >= _MIN_WEIGHT)
        depth = tl.clamp(a * p[2] + b * q[2] + c * r[2], -4.0, 4.0)
        key = (((depth + 4) * _DEPTH_SCALE).to(tl.int32) << _TRIANGLE_BITS) + number
        tl.atomic_min(best_ptr + y * size + x, key, mask=covered, sem="relaxed")


@triton.jit
def _fill_kernel(  # type: ignore[no-untyped-def]
    points_ptr, triangles_ptr, values_ptr, best_ptr, out_ptr, vertices, size,
    values_picture, values_vertex, values_channel,
    CHANNELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Interpolate vertex values in the nearest triangle of each cell; 0 in empty cells. values_*: strides."""
    picture = tl.program_id(1).to(tl.int64)
    cell = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    is_cell = cell < size * size
    key = tl.load(best_ptr + picture * size * size + cell, mask=is_cell, other=_EMPTY)
    mask = key < _EMPTY
    number = key & _TRIANGLE_MASK
    points_ptr += picture * vertices * 3
    _, weights, left, top, is_front = _set_up(points_ptr, triangles_ptr, number, size * 0.5, mask)
    u, v, w = weights
    s, t = cell % size - left, cell // size - top
    a, b, c = _weight_at(u, s, t), _weight_at(v, s, t), _weight_at(w, s, t)
    values_ptr += picture * values_picture
    i_ptr = values_ptr + tl.load(triangles_ptr + number * 3, mask=mask, other=0) * values_vertex
    j_ptr = values_ptr + tl.load(triangles_ptr + number * 3 + 1, mask=mask, other=0) * values_vertex
    k_ptr = values_ptr + tl.load(triangles_ptr + number * 3 + 2, mask=mask, other=0) * values_vertex
    out_ptr += picture * CHANNELS * size * size + cell
    for channel in tl.static_range(CHANNELS):
        offset = channel * values_channel
        value = a * tl.load(i_ptr + offset, mask=mask, other=0.0)
        value += b * tl.load(j_ptr + offset, mask=mask, other=0.0)
        value += c * tl.load(k_ptr + offset, mask=mask, other=0.0)
        tl.store(out_ptr + channel * size * size, tl.where(is_front, value, 0.0), mask=is_cell)


def draw_mesh(points: Tensor, buckets: list[Bucket], values: Tensor, size: int) -> Tensor:
    """See `kernels.mesh.draw_mesh`. Computes in float32, and returns it."""
    batch, vertices, _ = points.shape
    points, values = points.float().contiguous(), values.float().expand(batch, -1, -1)
    all_triangles = buckets[0].triangles if len(buckets) == 1 else torch.cat([bucket.triangles for bucket in buckets])
    all_triangles = all_triangles.contiguous()
    assert points.shape[-1] == 3 and all_triangles.shape[1:] == (3,) and all_triangles.dtype == torch.int64
    assert len(all_triangles) <= 1 << TRIANGLE_BITS, f"at most {1 << TRIANGLE_BITS} triangles, got {len(all_triangles)}"
    best = torch.full((batch, size, size), EMPTY, device=points.device, dtype=torch.int32)
    out = torch.empty(batch, values.shape[-1], size, size, device=points.device)
    first = 0
    with launching("draw_mesh", points.device):
        for triangles, window, visible in buckets:
            count = len(triangles)
            assert visible is None or (visible.shape == (batch, count) and visible.dtype == torch.bool)
            mask = all_triangles if visible is None else visible.contiguous().view(torch.uint8)
            if count:
                _cover_kernel[(triton.cdiv(count, _TRIANGLES_PER_PROGRAM), batch)](
                    points, all_triangles, mask, best, first, count, window, vertices, size,
                    MASKED=visible is not None, BLOCK=_TRIANGLES_PER_PROGRAM, num_warps=1,
                )  # fmt: skip
            first += count
        _fill_kernel[(triton.cdiv(size * size, _CELLS_PER_PROGRAM), batch)](
            points, all_triangles, values, best, out, vertices, size, *values.stride(),
            CHANNELS=values.shape[-1], BLOCK=_CELLS_PER_PROGRAM,
        )  # fmt: skip
    return out
