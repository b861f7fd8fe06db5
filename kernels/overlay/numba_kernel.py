"""`overlay` on a CPU: the pixels beneath the covered part of a window, one by one, compiled by numba."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from kernels.sampling.numba_kernel import HALF, ONE, ZERO, cell_pair, compiled, part

MIN_SQUARED_LENGTH = np.float32(1e-9)  # of a window's axis, canvas units


def overlay(picture: Tensor, window: Tensor, cover: Tensor, paint: Tensor) -> None:
    """See `kernels.overlay.overlay`."""
    pictures = picture.numpy()
    windows, covers, paints = (part.contiguous().numpy() for part in (window, cover, paint))
    for i in range(len(pictures)):
        overlay_picture(pictures[i], windows[i], covers[i, 0], paints[i])


@compiled
def overlay_picture(picture, window, cover, paint):  # type: ignore[no-untyped-def]
    """One picture (4, S, S), in place. cover: (n, n); paint: (3, n, n). A window with NaN or infinite values covers
    nothing.
    """
    first_row, last_row, first_column, last_column = covered_cells(cover)
    if last_row < 0:  # as with a mouth that is as in the picture
        return
    size, side = np.int32(picture.shape[1]), np.int32(cover.shape[0])
    x0, y0, ax, ay, dx, dy = window[0], window[1], window[2], window[3], window[4], window[5]
    scale, unit = ONE / max(dx * dx + dy * dy, MIN_SQUARED_LENGTH), np.float32(size) * HALF
    (s, s_half), (t, t_half) = reach_of(first_column, last_column, side), reach_of(first_row, last_row, side)
    x, half_width = x0 + s * ax + t * dx, s_half * abs(ax) + t_half * abs(dx)
    y, half_height = y0 + s * ay + t * dy, s_half * abs(ay) + t_half * abs(dy)
    left, right = np.int32(np.floor((x - half_width + ONE) * unit)), np.int32(np.ceil((x + half_width + ONE) * unit))
    top, bottom = np.int32(np.floor((y - half_height + ONE) * unit)), np.int32(np.ceil((y + half_height + ONE) * unit))
    for row in range(max(top, 0), min(bottom, size)):
        v = np.float32(2 * row + 1) / np.float32(size) - ONE - y0
        for column in range(max(left, 0), min(right, size)):
            u = np.float32(2 * column + 1) / np.float32(size) - ONE - x0
            s, t = (u * ax + v * ay) * scale, (u * dx + v * dy) * scale
            if not (abs(s) < ONE and abs(t) < ONE):
                continue
            west, east, across = cell_pair(s, side)
            north, south, down = cell_pair(t, side)
            nw, ne = (ONE - down) * (ONE - across), (ONE - down) * across
            sw, se = down * (ONE - across), down * across
            share = (
                nw * cover[north, west] + ne * cover[north, east] + sw * cover[south, west] + se * cover[south, east]
            )
            if share == ZERO:
                continue
            share *= picture[3, row, column]
            for c in range(3):
                colour = nw * paint[c, north, west] + ne * paint[c, north, east]
                colour += sw * paint[c, south, west] + se * paint[c, south, east]
                picture[c, row, column] += share * (colour - picture[c, row, column])


@part
def covered_cells(cover):  # type: ignore[no-untyped-def]
    """The first and the last row, and the first and the last column, of a map (n, n) that are not all 0; last ones of
    −1 if there is none.
    """
    side = cover.shape[0]
    first_row, last_row, first_column, last_column = side, -1, side, -1
    for y in range(side):
        cells = 0  # counted, since that is vectorised, and leaving the loop is not
        for x in range(side):
            cells += cover[y, x] != ZERO
        if cells > 0:
            first_row, last_row = min(first_row, y), y
            x = 0
            while x < first_column and cover[y, x] == ZERO:
                x += 1
            first_column = min(first_column, x)
            x = side - 1
            while x > last_column and cover[y, x] == ZERO:
                x -= 1
            last_column = max(last_column, x)
    return first_row, last_row, first_column, last_column


@part
def reach_of(first, last, side):  # type: ignore[no-untyped-def]
    """The middle, and half the extent, of what samples reach from the cells first..last of `side`, in window units; the
    outermost cells reach to the window's border.
    """
    low = -ONE if first == 0 else np.float32(2 * first - 1) / np.float32(side) - ONE
    high = ONE if last == side - 1 else np.float32(2 * last + 3) / np.float32(side) - ONE
    return HALF * (low + high), HALF * (high - low)
