"""Instructions on maps, (batch, channels, height, width), compiled by numba."""

from __future__ import annotations

import numpy as np

from kernels.tape.codes import (
    EXTRAS,
    SHAPE,
)
from kernels.tape.numba_addresses import HALF, ONE, OUT, ZERO, A, B, floats_at, offset, part, small_numbers_at

TWO, QUARTER, THREE_QUARTERS = np.float32(2), np.float32(0.25), np.float32(0.75)


@part
def unnormalised(value, side, align):  # type: ignore[no-untyped-def]
    """A position −1..1 as that of a cell, as `grid_sample` does it."""
    if align:
        return (value + ONE) * HALF * np.float32(side - 1)
    return ((value + ONE) * np.float32(side) - ONE) * HALF


@part
def grid_sample(row, scratch):  # type: ignore[no-untyped-def]
    """`grid_sample` of out (b, 1, c, h, w), a (b, 1, c, H, W) at b (b, 1, 2, h, w). Extras: H, W, strides of a by row
    and by column, whether the nearest cell is taken, whether the border is repeated, `align_corners`.
    """
    high, wide, by_row, by_column = row[EXTRAS], row[EXTRAS + 1], row[EXTRAS + 2], row[EXTRAS + 3]
    nearest, border, align = row[EXTRAS + 4], row[EXTRAS + 5], row[EXTRAS + 6]
    columns = row[SHAPE + 4]
    data = scratch.ctypes.data
    us, vs = floats_at(data), floats_at(data + 4 * columns)
    at, right, below = (
        small_numbers_at(data + 8 * columns), small_numbers_at(data + 12 * columns),
        small_numbers_at(data + 16 * columns),
    )  # fmt: skip
    nw, ne = floats_at(data + 20 * columns), floats_at(data + 24 * columns)
    sw, se = floats_at(data + 28 * columns), floats_at(data + 32 * columns)
    for i in range(row[SHAPE]):
        for y in range(row[SHAPE + 3]):
            place, step = floats_at(offset(row, B, i, 0, 0, y)), row[B + 5]
            cells_of(place, step, columns, wide, align, border, us)
            cells_of(floats_at(offset(row, B, i, 0, 1, y)), step, columns, high, align, border, vs)
            if nearest:
                for x in range(columns):
                    us[x], vs[x] = np.rint(us[x]), np.rint(vs[x])
            corners_of(us, vs, columns, high, wide, by_row, by_column, at, right, below)
            weights_of(us, vs, columns, high, wide, nw, ne, sw, se)
            for channel in range(row[SHAPE + 2]):
                a, out = floats_at(offset(row, A, i, 0, channel, 0)), floats_at(offset(row, OUT, i, 0, channel, y))
                mix_corners(a, columns, at, right, below, nw, ne, sw, se, out, row[OUT + 5])


@part
def cells_of(place, step, columns, side, align, border, out):  # type: ignore[no-untyped-def]
    """Positions as cells, as far as they matter: clamped to the border, or to two cells beyond it, as is NaN."""
    low = ZERO if border else np.float32(-2)
    high = np.float32(side - 1) if border else np.float32(side + 1)
    for x in range(columns):
        value = unnormalised(place[x * step], side, align)
        value = value if value > low else low  # NaN, too
        out[x] = value if value < high else high


@part
def corners_of(us, vs, columns, high, wide, by_row, by_column, at, right, below):  # type: ignore[no-untyped-def]
    """Of cells from −2 on, where in the map the upper left of four corners lies, and how far from it those to the right
    and below, in elements; all within the map. Numbers of 32 bits, of which a vector holds most.
    """
    last_row, last_column = np.int32(high - 1), np.int32(wide - 1)
    down, across, none, one, two = np.int32(by_row), np.int32(by_column), np.int32(0), np.int32(1), np.int32(2)
    for x in range(columns):
        left, top = np.int32(us[x] + TWO) - two, np.int32(vs[x] + TWO) - two  # rounded down
        first_column, first_row = min(max(left, none), last_column), min(max(top, none), last_row)
        next_column, next_row = min(max(left + one, none), last_column), min(max(top + one, none), last_row)
        at[x] = first_row * down + first_column * across
        right[x], below[x] = (next_column - first_column) * across, (next_row - first_row) * down


@part
def weights_of(us, vs, columns, high, wide, nw, ne, sw, se):  # type: ignore[no-untyped-def]
    """The weights of `corners_of`; 0 for those that are beyond the map."""
    last_row, last_column, two = np.float32(high - 1), np.float32(wide - 1), np.int32(2)
    for x in range(columns):
        left, top = np.float32(np.int32(us[x] + TWO) - two), np.float32(np.int32(vs[x] + TWO) - two)
        east, south = us[x] - left, vs[x] - top
        west = ONE - east if (left >= ZERO) & (left <= last_column) else ZERO
        east = east if (left >= -ONE) & (left < last_column) else ZERO
        north = ONE - south if (top >= ZERO) & (top <= last_row) else ZERO
        south = south if (top >= -ONE) & (top < last_row) else ZERO
        nw[x], ne[x], sw[x], se[x] = north * west, north * east, south * west, south * east


@part
def mix_corners(a, columns, at, right, below, nw, ne, sw, se, out, so):  # type: ignore[no-untyped-def]
    """A row of bilinear samples of one channel."""
    for x in range(columns):
        upper = nw[x] * a[at[x]] + ne[x] * a[at[x] + right[x]]
        out[x * so] = upper + (sw[x] * a[at[x] + below[x]] + se[x] * a[at[x] + below[x] + right[x]])


@part
def box_sum(row, scratch):  # type: ignore[no-untyped-def]
    """Sums over boxes of a map, out (b, c, 1, h, w), a (b, c, 1, H, W): extras are H, W, stride of a by row, and of the
    boxes height, width, steps down and across, and how much they reach beyond the map above and to the left.
    """
    high, wide, by_row = row[EXTRAS], row[EXTRAS + 1], row[EXTRAS + 2]
    tall, broad, down, across = row[EXTRAS + 3], row[EXTRAS + 4], row[EXTRAS + 5], row[EXTRAS + 6]
    above, beside = row[EXTRAS + 7], row[EXTRAS + 8]
    rows, columns = row[SHAPE + 3], row[SHAPE + 4]
    cells = floats_at(scratch.ctypes.data)
    for i in range(row[SHAPE]):
        for j in range(row[SHAPE + 1]):
            a = floats_at(offset(row, A, i, j, 0, 0))
            for y in range(rows):
                out = floats_at(offset(row, OUT, i, j, 0, y))
                padded = wide + 2 * beside
                for x in range(padded):
                    cells[x] = ZERO
                for line in range(max(y * down - above, 0), min(y * down - above + tall, high)):
                    for x in range(wide):
                        cells[beside + x] += a[line * by_row + x]
                for x in range(columns):
                    out[x] = cells[x * across]
                for step in range(1, broad):
                    for x in range(columns):
                        out[x] += cells[x * across + step]


@part
def box_maximum(row, scratch):  # type: ignore[no-untyped-def]
    """As `box_sum`, the largest value of each box."""
    high, wide, by_row = row[EXTRAS], row[EXTRAS + 1], row[EXTRAS + 2]
    tall, broad, down, across = row[EXTRAS + 3], row[EXTRAS + 4], row[EXTRAS + 5], row[EXTRAS + 6]
    above, beside = row[EXTRAS + 7], row[EXTRAS + 8]
    rows, columns = row[SHAPE + 3], row[SHAPE + 4]
    cells = floats_at(scratch.ctypes.data)
    for i in range(row[SHAPE]):
        for j in range(row[SHAPE + 1]):
            a = floats_at(offset(row, A, i, j, 0, 0))
            for y in range(rows):
                out = floats_at(offset(row, OUT, i, j, 0, y))
                for x in range(wide + 2 * beside):
                    cells[x] = -np.float32(np.inf)
                for line in range(max(y * down - above, 0), min(y * down - above + tall, high)):
                    for x in range(wide):
                        cells[beside + x] = max(cells[beside + x], a[line * by_row + x])
                for x in range(columns):
                    out[x] = cells[x * across]
                for step in range(1, broad):
                    for x in range(columns):
                        out[x] = max(out[x], cells[x * across + step])


@part
def repeat_border(row):  # type: ignore[no-untyped-def]
    """out (b, c, 1, h, w): a (b, c, 1, H, W) with its border repeated. Extras: H, W, how far to the left and above."""
    high, wide, left, top = row[EXTRAS], row[EXTRAS + 1], row[EXTRAS + 2], row[EXTRAS + 3]
    so, sa = row[OUT + 5], row[A + 5]
    for i in range(row[SHAPE]):
        for j in range(row[SHAPE + 1]):
            for y in range(row[SHAPE + 3]):
                line = min(max(y - top, 0), high - 1)
                out, a = floats_at(offset(row, OUT, i, j, 0, y)), floats_at(offset(row, A, i, j, 0, line))
                first, last = a[0], a[(wide - 1) * sa]
                for x in range(left):
                    out[x * so] = first
                for x in range(wide):
                    out[(left + x) * so] = a[x * sa]
                for x in range(left + wide, row[SHAPE + 4]):
                    out[x * so] = last


@part
def resize(row, scratch):  # type: ignore[no-untyped-def]
    """Bilinear resizing, out (b, c, 1, h, w), a (b, c, 1, H, W), `align_corners` False. Extras: H, W."""
    high, wide = row[EXTRAS], row[EXTRAS + 1]
    rows, columns, so, sa, by_row = row[SHAPE + 3], row[SHAPE + 4], row[OUT + 5], row[A + 5], row[A + 4]
    down = np.float32(high) / np.float32(rows)
    data = scratch.ctypes.data
    cells, left, east = floats_at(data), small_numbers_at(data + 4 * wide), floats_at(data + 4 * (wide + columns))
    columns_between(wide, columns, left, east)
    for i in range(row[SHAPE]):
        for j in range(row[SHAPE + 1]):
            a = floats_at(offset(row, A, i, j, 0, 0))
            for y in range(rows):
                out = floats_at(offset(row, OUT, i, j, 0, y))
                v = max((np.float32(y) + HALF) * down - HALF, ZERO)
                top = min(np.int64(v), high - 1)
                bottom, south = min(top + 1, high - 1), v - np.float32(top)
                for x in range(wide):
                    cells[x] = (ONE - south) * a[top * by_row + x * sa] + south * a[bottom * by_row + x * sa]
                if columns == 2 * wide and so == 1:
                    double_row(cells, wide, out)
                else:
                    stretch_row(cells, wide, columns, left, east, out, so)


@part
def columns_between(wide, columns, left, east):  # type: ignore[no-untyped-def]
    """The cell of `wide` to the left of each column, and how far the column is from its middle."""
    across, last = np.float32(wide) / np.float32(columns), np.int32(wide - 1)
    for x in range(columns):
        u = max((np.float32(x) + HALF) * across - HALF, ZERO)
        left[x] = min(np.int32(u), last)
        east[x] = u - np.float32(left[x])


@part
def stretch_row(cells, wide, columns, left, east, out, so):  # type: ignore[no-untyped-def]
    """Values of a row of cells at columns, from `columns_between`."""
    last, one = np.int32(wide - 1), np.int32(1)
    for x in range(columns):
        out[x * so] = (ONE - east[x]) * cells[left[x]] + east[x] * cells[min(left[x] + one, last)]


@part
def double_row(cells, wide, out):  # type: ignore[no-untyped-def]
    """`stretch_row` to twice as many columns, without a look-up for each, which costs ten times as much."""
    out[0], out[2 * wide - 1] = cells[0], cells[wide - 1]
    for x in range(wide - 1):
        near, far = cells[x], cells[x + 1]
        out[2 * x + 1] = THREE_QUARTERS * near + QUARTER * far
        out[2 * x + 2] = QUARTER * near + THREE_QUARTERS * far
