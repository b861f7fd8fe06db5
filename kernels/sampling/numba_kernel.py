"""Bilinear sampling on a CPU, compiled by numba: what `resize_map` does, a row or a pixel at a time."""

from __future__ import annotations

import numpy as np

from kernels.compile import compile_cached

# Not all of fastmath: sums keep their order, which large odds need, and NaN is preserved.
compiled = compile_cached(fastmath={"contract", "nsz", "arcp"}, error_model="numpy")
ZERO, ONE, HALF = (np.float32(value) for value in (0, 1, 0.5))


@compiled
def sample_columns(width, centre, half, size):  # type: ignore[no-untyped-def]
    """Where the columns of the canvas lie in a map of a box, `width` cells wide: the cell to the left of each, (size,)
    uint32, and the distance from it, (size,) 0..1.
    """
    left_cell, fraction = np.empty(size, np.uint32), np.empty(size, np.float32)
    for x in range(size):
        position = (((np.float32(2 * x + 1) / size - ONE - centre) / half + ONE) * width - ONE) * HALF
        position = min(max(position, ZERO), np.float32(width - 1))
        left = max(min(np.int32(position), width - 2), 0)
        left_cell[x], fraction[x] = left, position - left
    return left_cell, fraction


@compiled
def resize_row(plane, v, left_cell, fraction, scratch, out):  # type: ignore[no-untyped-def]
    """One row (size,) of a resized map; returns whether all of it is one value. plane: (h, w). v: the row's centre in
    units of what the map covers, −1..1. left_cell, fraction: from `sample_columns`. scratch: at least w long.
    """
    height, width = plane.shape
    position = min(max(((v + ONE) * height - ONE) * HALF, ZERO), np.float32(height - 1))
    top = max(min(np.int32(position), height - 2), 0)
    bottom, weight = min(top + 1, height - 1), position - top
    for i in range(width):
        scratch[i] = (ONE - weight) * plane[top, i] + weight * plane[bottom, i]
    first, others = scratch[0], 0
    for i in range(width):
        others += scratch[i] != first
    if others == 0:  # as most rows of most maps are
        for x in range(left_cell.shape[0]):
            out[x] = first
        return True
    step = np.uint32(min(width - 1, 1))
    for x in range(left_cell.shape[0]):
        out[x] = (ONE - fraction[x]) * scratch[left_cell[x]] + fraction[x] * scratch[left_cell[x] + step]
    return False


@compiled
def cell_pair(position, side):  # type: ignore[no-untyped-def]
    """The two of `side` cells around a position in −1..1, and the distance 0..1 from the first of them."""
    at = min(max(((position + ONE) * side - ONE) * HALF, np.float32(0)), np.float32(side - 1))
    first = np.int32(at)
    return first, min(first + 1, side - 1), at - np.float32(first)
