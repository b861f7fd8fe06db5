"""`shade` on a CPU: the rows and columns where anything changes, compiled by numba."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from kernels.shade import LIGHT
from kernels.warp_numba import HALF, ONE, ZERO, columns, compiled, stretch

WHOLE = np.array([0, 0, 1], np.float32)


def lay(picture: Tensor, gain: Tensor, box: Tensor | None) -> None:
    """See `kernels.shade.shade`."""
    pixels, gains = picture.numpy(), gain.contiguous().numpy()
    for i in range(len(pixels)):
        draw(pixels[i], gains[i, 0], WHOLE if box is None else box[i].contiguous().numpy(), np.float32(LIGHT))


@compiled
def draw(picture, gain, box, light):  # type: ignore[no-untyped-def]
    """One picture (4, S, S), in place; gain (n, n) over the box (3,)."""
    size, side = picture.shape[1], gain.shape[0]
    top, bottom, left, right = extent(gain)
    first, last = border(max(left - 1, 0), box[0], box[2], side, size), border(right + 1, box[0], box[2], side, size)
    high, low = border(max(top - 1, 0), box[1], box[2], side, size), border(bottom + 1, box[1], box[2], side, size)
    at, share = columns(side, box[0], box[2], size)
    scratch, row = np.empty(side, np.float32), np.empty(size, np.float32)
    for y in range(high, low):
        place = (np.float32(2 * y + 1) / size - ONE - box[1]) / box[2]
        stretch(gain, place, at, share, scratch, row)
        for c in range(3):
            for x in range(first, last):
                colour = picture[c, y, x]
                colour += picture[3, y, x] * (row[x] - ONE) * (colour + light)
                picture[c, y, x] = min(max(colour, ZERO), ONE)


@compiled
def extent(gain):  # type: ignore[no-untyped-def]
    """Rows and columns of gain (n, n) from the first to behind the last that are not 1."""
    side = gain.shape[0]
    top, bottom, left, right = side, 0, side, 0
    for y in range(side):
        for x in range(side):
            if gain[y, x] != ONE:
                top, bottom, left, right = min(top, y), y + 1, min(left, x), max(right, x + 1)
    return top, bottom, left, right


@compiled
def border(cells, centre, half, side, size):  # type: ignore[no-untyped-def]
    """The canvas's first pixel behind so many cells of a box; behind its last one at most."""
    place = centre + half * (np.float32(2) * np.float32(min(cells, side)) / np.float32(side) - ONE)
    return min(max(np.int32(np.ceil((place + ONE) * np.float32(size) * HALF - HALF)), 0), size)
