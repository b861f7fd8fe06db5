"""The Triton side of `kernels.mesh`; imported only where Triton runs.

Two passes, and no question to the device between them. In the first a lane walks over the cells around one triangle
and enters its depth and number where it covers them, whoever is nearest last; in the second each cell looks up who won
and works out the corners' weights once more, which is cheaper than keeping them for every triangle.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.backend import launching
from kernels.mesh import BACK, COVERED, Bucket

_COVERED = tl.constexpr(COVERED)
_NOBODY = tl.constexpr(BACK << 13)
_DEPTH = tl.constexpr((BACK - 1) / 8)
_SLACK = tl.constexpr(0.02)  # cells by which `COVERED` may reach beyond a triangle's corners
_TRIANGLES = 32  # of a program of the first pass: its lanes wait for the largest, so the fewer the better
_CELLS = 128  # of a program of the second


@triton.jit
def _corner(points, vertex, half, mask):  # type: ignore[no-untyped-def]
    """x, y in cells, z of the vertices that these pointers name."""
    at = points + tl.load(vertex, mask=mask, other=0) * 3
    x = (tl.load(at, mask=mask, other=0.0) + 1) * half - 0.5
    y = (tl.load(at + 1, mask=mask, other=0.0) + 1) * half - 0.5
    return x, y, tl.load(at + 2, mask=mask, other=0.0)


@triton.jit
def _weight(p, q, area, left, top):  # type: ignore[no-untyped-def]
    """Of the corner opposite to the edge p → q: how it grows with columns and rows, and what it is at (left, top)."""
    across, down = (p[1] - q[1]) / area, (q[0] - p[0]) / area
    return across, down, across * (left - p[0]) + down * (top - p[1])


@triton.jit
def _at(weight, column, row):  # type: ignore[no-untyped-def]
    """A weight so many cells from where it starts."""
    return weight[2] + weight[0] * column + weight[1] * row


@triton.jit
def _stand(points, triangles, number, half, mask):  # type: ignore[no-untyped-def]
    """Triangles on the grid: corners, weights from the first cell of the square around them, that cell (left, top), and
    which of them face us.
    """
    p = _corner(points, triangles + number * 3, half, mask)
    q = _corner(points, triangles + number * 3 + 1, half, mask)
    r = _corner(points, triangles + number * 3 + 2, half, mask)
    area = (q[0] - p[0]) * (r[1] - q[1]) - (q[1] - p[1]) * (r[0] - q[0])
    faces = mask & (area > 1e-3)  # false of what is not a number
    area = tl.where(faces, area, 1.0)
    left = tl.ceil(tl.minimum(tl.minimum(p[0], q[0]), r[0]))
    top = tl.ceil(tl.minimum(tl.minimum(p[1], q[1]), r[1]))
    weights = _weight(q, r, area, left, top), _weight(r, p, area, left, top), _weight(p, q, area, left, top)
    return (p, q, r), weights, left, top, faces


@triton.jit
def _span(a, b, c, first, window, size, faces):  # type: ignore[no-untyped-def]
    """Columns or rows that triangles may cover: the first of them on the grid, and how many."""
    last = tl.minimum(tl.floor(tl.maximum(tl.maximum(a, b), c) + _SLACK) + 1, first + window)
    begin, end = tl.clamp(first, 0.0, size * 1.0), tl.clamp(last, 0.0, size * 1.0)
    return tl.where(faces, begin, 0.0).to(tl.int32), tl.where(faces, end - begin, 0.0).to(tl.int32)


@triton.jit(do_not_specialize=["first", "count", "window"])
def _cover_kernel(  # type: ignore[no-untyped-def]
    points, triangles, shown, best, first, count, window, vertices, size, SHOWN: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """Enter the keys of `count` triangles, numbered from `first` on."""
    picture = tl.program_id(1).to(tl.int64)
    number = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = number < count
    if SHOWN:
        mask &= tl.load(shown + picture * count + number, mask=mask, other=0) != 0
    number += first
    corners, weights, left, top, faces = _stand(points + picture * vertices * 3, triangles, number, size * 0.5, mask)
    p, q, r = corners
    u, v, w = weights
    column, width = _span(p[0], q[0], r[0], left, window, size, faces)
    row, height = _span(p[1], q[1], r[1], top, window, size, faces)
    width = tl.maximum(width, 1)
    best += picture * size * size
    for cell in range(0, tl.max(width * tl.maximum(height, 0), 0)):
        x, y = column + cell % width, row + cell // width
        s, t = x - left, y - top
        a, b, c = _at(u, s, t), _at(v, s, t), _at(w, s, t)
        inside = (cell < width * height) & (x < size) & faces & (tl.minimum(tl.minimum(a, b), c) >= _COVERED)
        depth = tl.clamp(a * p[2] + b * q[2] + c * r[2], -4.0, 4.0)
        key = (((depth + 4) * _DEPTH).to(tl.int32) << 13) + number
        tl.atomic_min(best + y * size + x, key, mask=inside, sem="relaxed")


@triton.jit
def _fill_kernel(  # type: ignore[no-untyped-def]
    points, triangles, values, best, out, vertices, size, values_picture, values_vertex, values_channel,
    CHANNELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Interpolate vertex values in the triangles that won; zero where none did."""
    picture = tl.program_id(1).to(tl.int64)
    cell = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    is_cell = cell < size * size
    key = tl.load(best + picture * size * size + cell, mask=is_cell, other=_NOBODY)
    mask = key < _NOBODY
    number = key & 0x1FFF
    _, weights, left, top, faces = _stand(points + picture * vertices * 3, triangles, number, size * 0.5, mask)
    u, v, w = weights
    s, t = cell % size - left, cell // size - top
    a, b, c = _at(u, s, t), _at(v, s, t), _at(w, s, t)
    values += picture * values_picture
    i = values + tl.load(triangles + number * 3, mask=mask, other=0) * values_vertex
    j = values + tl.load(triangles + number * 3 + 1, mask=mask, other=0) * values_vertex
    k = values + tl.load(triangles + number * 3 + 2, mask=mask, other=0) * values_vertex
    out += picture * CHANNELS * size * size + cell
    for channel in tl.static_range(CHANNELS):
        step = channel * values_channel
        mixed = a * tl.load(i + step, mask=mask, other=0.0)
        mixed += b * tl.load(j + step, mask=mask, other=0.0)
        mixed += c * tl.load(k + step, mask=mask, other=0.0)
        tl.store(out + channel * size * size, tl.where(faces, mixed, 0.0), mask=is_cell)


def draw(points: Tensor, buckets: list[Bucket], values: Tensor, size: int) -> Tensor:
    """See `kernels.mesh.draw_mesh`. Computes in float32, and returns it."""
    batch, vertices, _ = points.shape
    points, values = points.float().contiguous(), values.float().expand(batch, -1, -1)
    everything = buckets[0].triangles if len(buckets) == 1 else torch.cat([bucket.triangles for bucket in buckets])
    everything = everything.contiguous()
    assert points.shape[-1] == 3 and everything.shape[1:] == (3,) and everything.dtype == torch.int64
    assert len(everything) <= 1 << 13, f"at most {1 << 13} triangles, got {len(everything)}"
    best = torch.full((batch, size, size), BACK << 13, device=points.device, dtype=torch.int32)
    out = torch.empty(batch, values.shape[-1], size, size, device=points.device)
    first = 0
    with launching("draw_mesh", points.device):
        for triangles, window, shown in buckets:
            count = len(triangles)
            assert shown is None or (shown.shape == (batch, count) and shown.dtype == torch.bool)
            visible = everything if shown is None else shown.contiguous().view(torch.uint8)
            if count:
                _cover_kernel[(triton.cdiv(count, _TRIANGLES), batch)](
                    points, everything, visible, best, first, count, window, vertices, size,
                    SHOWN=shown is not None, BLOCK=_TRIANGLES, num_warps=1,
                )  # fmt: skip
            first += count
        _fill_kernel[(triton.cdiv(size * size, _CELLS), batch)](
            points, everything, values, best, out, vertices, size, *values.stride(),
            CHANNELS=values.shape[-1], BLOCK=_CELLS,
        )  # fmt: skip
    return out
