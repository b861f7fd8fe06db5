"""`shade` on a CPU: the rows and columns where the gain is not 1, compiled by numba."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from kernels.sampling.numba_kernel import HALF, ONE, ZERO, compiled, part, resize_rows, row_sampler
from kernels.shade.reference import SPECULAR_REFLECTANCE

CANVAS_BOX = np.array([0, 0, 1], np.float32)  # centre x, y and half side: the whole canvas


def shade(picture: Tensor, gain: Tensor, box: Tensor | None) -> None:
    """See `kernels.shade.shade`."""
    pictures, gains, reflectance = picture.numpy(), gain.contiguous().numpy(), np.float32(SPECULAR_REFLECTANCE)
    for i in range(len(pictures)):
        box_of_picture = CANVAS_BOX if box is None else box[i].contiguous().numpy()
        shade_picture(pictures[i], gains[i], box_of_picture, reflectance)


@compiled
def shade_picture(picture, gain, box, reflectance):  # type: ignore[no-untyped-def]
    """One picture (4, S, S), in place; gain (1 or 3, n, n) over the box (3,)."""
    sampler = row_sampler(gain, box[0], box[2], picture.shape[1])
    shade_rows(picture, gain, box, reflectance, sampler, np.empty((gain.shape[0], picture.shape[1]), np.float32))


@part
def shade_rows(picture, gain, box, reflectance, sampler, rows):  # type: ignore[no-untyped-def]
    """`shade_picture`. sampler: of the gain, from `row_sampler`. rows: (1 or 3, S), which are overwritten."""
    size, side = picture.shape[1], gain.shape[1]
    top, bottom, left, right = changed_cells(gain)
    first_x = pixel_at(max(left - 1, 0), box[0], box[2], side, size)
    end_x = pixel_at(right + 1, box[0], box[2], side, size)
    first_y = pixel_at(max(top - 1, 0), box[1], box[2], side, size)
    end_y = pixel_at(bottom + 1, box[1], box[2], side, size)
    for y in range(first_y, end_y):
        resize_rows(gain, (np.float32(2 * y + 1) / size - ONE - box[1]) / box[2], sampler, rows)
        for c in range(3):
            shade_row(picture[c, y], picture[3, y], rows[min(c, gain.shape[0] - 1)], reflectance, first_x, end_x)


@part
def shade_row(colours, alpha, gain, reflectance, first, end):  # type: ignore[no-untyped-def]
    """One colour of a row (S,), in place, from pixel `first` up to `end`."""
    for x in range(first, end):
        colour = colours[x]
        colour += alpha[x] * (gain[x] - ONE) * (colour + reflectance)
        colours[x] = min(max(colour, ZERO), ONE)


@part
def changed_cells(gain):  # type: ignore[no-untyped-def]
    """The rows top..bottom − 1 and columns left..right − 1 of gain (K, n, n) that hold every value other than 1."""
    side = gain.shape[1]
    top, bottom, left, right = side, 0, side, 0
    for c in range(gain.shape[0]):
        for y in range(side):
            for x in range(side):
                if gain[c, y, x] != ONE:
                    top, bottom, left, right = min(top, y), max(bottom, y + 1), min(left, x), max(right, x + 1)
    return top, bottom, left, right


@part
def pixel_at(cells, centre, half, side, size):  # type: ignore[no-untyped-def]
    """The first pixel of the canvas after this many cells of a box, 0..size."""
    position = centre + half * (np.float32(2) * np.float32(min(cells, side)) / np.float32(side) - ONE)
    return min(max(np.int32(np.ceil((position + ONE) * np.float32(size) * HALF - HALF)), 0), size)
