"""Bilinear sampling on a CPU, compiled by numba: what `resize_map` does, a row or a pixel at a time."""

from __future__ import annotations

import numpy as np

from kernels.compile import compile_cached

# Not all of fastmath: sums keep their order, which large odds need, and NaN is preserved.
compiled = compile_cached(fastmath={"contract", "nsz", "arcp"}, error_model="numpy")
# Without counting references: they are atomic, and one for each row of an array cost a fifth of a kernel. A part makes
# no array of its own.
part = compile_cached(fastmath={"contract", "nsz", "arcp"}, error_model="numpy", _nrt=False)
ZERO, ONE, HALF = (np.float32(value) for value in (0, 1, 0.5))


@compiled
def sample_columns(width, centre, half, size, first, last):  # type: ignore[no-untyped-def]
    """Where the columns of the canvas from `first` up to `last` lie in a map of a box, `width` cells wide: the cell to
    the left of each, (n,) uint32, and the distance from it, (n,) 0..1.
    """
    left_cell, fraction = np.empty(last - first, np.uint32), np.empty(last - first, np.float32)
    for x in range(last - first):
        position = (((np.float32(2 * (first + x) + 1) / size - ONE - centre) / half + ONE) * width - ONE) * HALF
        position = min(max(position, ZERO), np.float32(width - 1))
        left = max(min(np.int32(position), width - 2), 0)
        left_cell[x], fraction[x] = left, position - left
    return left_cell, fraction


@compiled
def row_sampler(maps, centre, half, size):  # type: ignore[no-untyped-def]
    """`part_sampler` of whole rows."""
    return part_sampler(maps, centre, half, size, 0, size)


@compiled
def part_sampler(maps, centre, half, size, first, last):  # type: ignore[no-untyped-def]
    """What `resize_rows` keeps of maps (C, h, w) of a box from row to row, for the n columns of the canvas from `first`
    up to `last`: `sample_columns`, the two rows of each map that were stretched last (C, 2, n), one of an even and one
    of an odd number, which ones they are (C, 2), and whether each is all one value (C, 2).
    """
    channels = maps.shape[0]
    left_cell, fraction = sample_columns(maps.shape[2], centre, half, size, first, last)
    rows, uniform = np.empty((channels, 2, last - first), np.float32), np.zeros((channels, 2), np.bool_)
    return left_cell, fraction, rows, np.full((channels, 2), -1), uniform


@part
def resize_rows(maps, v, sampler, out):  # type: ignore[no-untyped-def]
    """One row (C, n) of resized maps (C, h, w); returns whether each channel of it is one value. v: the row's centre in
    units of what the maps cover, −1..1. sampler: from `row_sampler`, or `part_sampler`.

    A row of a map is stretched to the canvas's columns once, for all rows of the canvas that it has a part in: reading
    two cells for each pixel costs more than all else.
    """
    left_cell, fraction, rows, numbers, uniform = sampler
    height, all_uniform = maps.shape[1], True
    position = min(max(((v + ONE) * height - ONE) * HALF, ZERO), np.float32(height - 1))
    top = max(min(np.int32(position), height - 2), 0)
    bottom, weight = min(top + 1, height - 1), np.float32(position - top)
    for c in range(maps.shape[0]):
        for row in (top, bottom):
            if numbers[c, row & 1] != row:
                uniform[c, row & 1] = stretch_row(maps[c, row], left_cell, fraction, rows[c, row & 1])
                numbers[c, row & 1] = row
        above, below = rows[c, top & 1], rows[c, bottom & 1]
        if uniform[c, top & 1] and uniform[c, bottom & 1] and above[0] == below[0]:
            out[c] = above[0]
        else:
            mix_rows(above, below, weight, out[c])
            all_uniform = False
    return all_uniform


@part
def stretch_row(cells, left_cell, fraction, out):  # type: ignore[no-untyped-def]
    """One row (w,) of a map at the canvas's columns (S,); returns whether all of it is one value."""
    width, others = cells.shape[0], 0
    for i in range(width):
        others += cells[i] != cells[0]
    if others == 0:  # as most rows of most maps are
        out[:] = cells[0]
        return True
    step = np.uint32(min(width - 1, 1))
    for x in range(left_cell.shape[0]):
        out[x] = (ONE - fraction[x]) * cells[left_cell[x]] + fraction[x] * cells[left_cell[x] + step]
    return False


@part
def mix_rows(above, below, weight, out):  # type: ignore[no-untyped-def]
    """Interpolate between two rows (S,) by one weight, 0..1."""
    rest = ONE - weight
    for x in range(out.shape[0]):
        out[x] = rest * above[x] + weight * below[x]


@part
def cell_pair(position, side):  # type: ignore[no-untyped-def]
    """The two of `side` cells around a position in −1..1, and the distance 0..1 from the first of them."""
    at = min(((position + ONE) * side - ONE) * HALF, np.float32(side - 1))
    at = at if at > ZERO else ZERO  # also where it is NaN
    first = np.int32(at)
    return first, min(first + 1, side - 1), at - np.float32(first)
