"""`draw_tiles` on a CPU: the rows and columns of each piece's box, compiled by numba.

Each step of a row is a function of its own, so that LLVM sees that its arrays do not overlap, and vectorises it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kernels.sampling.numba_kernel import (
    HALF,
    ONE,
    ZERO,
    cell_pair,
    compiled,
    part,
    part_sampler,
    resize_rows,
    sample_columns,
)
from kernels.sampling.numba_texels import sample_texels
from kernels.sampling.packed_texels import TEXEL_UNIT, packed_texels
from kernels.tape.opaque import recorded_whole
from kernels.tiles.reference import IMAGES, MIN_COVERED

MIN_COVERED32 = np.float32(MIN_COVERED)


@recorded_whole
def draw_tiles(tiles: Tensor, maps: Tensor, boxes: Tensor, order: Tensor, slot: Tensor, size: int) -> Tensor:
    """See `kernels.tiles.draw_tiles`. Tiles are packed when they are drawn for the first time."""
    batch, pieces = order.shape
    images = torch.zeros(batch, IMAGES, 4, size, size)
    texels = packed_texels(tiles, pieces)
    parts = [part.contiguous().numpy() for part in (maps, boxes, order, slot)]
    for i in range(batch):
        draw_picture(texels[i], tiles.shape[-1], *(part[i] for part in parts), images[i].numpy())
    return images


@compiled
def draw_picture(texels, side, maps, boxes, order, slot, images):  # type: ignore[no-untyped-def]
    """All pieces of one picture, into images (3, 4, S, S). texels: (K, side²·4) int16; maps: (K, 3, M, M); boxes:
    (K, 3).
    """
    for k in order:
        if 0 <= slot[k] < images.shape[0]:
            draw_piece(texels[k], side, maps[k], boxes[k], images[slot[k]])


@compiled
def draw_piece(texels, side, piece_map, box, image):  # type: ignore[no-untyped-def]
    """One piece over an image (4, S, S), in place. All of its rows have the columns of its box alone."""
    size = image.shape[1]
    west, east = covered_cells(piece_map[2])
    left, right = pixels_of_cells(west.min(), east.max(), piece_map.shape[2], box[0], box[2], size)
    if left >= right:
        return
    width = right - left
    samplers = (
        part_sampler(piece_map[:2], box[0], box[2], size, left, right),
        part_sampler(piece_map[2:], box[0], box[2], size, left, right),
    )
    row = (
        np.empty((2, width), np.float32), np.empty(width, np.uint32), np.empty((4, width), np.float32),
        np.empty((1, width), np.float32),
    )  # fmt: skip
    draw_rows(texels, side, piece_map, box, samplers, (west, east), left, row, image)


@part
def draw_rows(texels, side, piece_map, box, samplers, cells, left, row, image):  # type: ignore[no-untyped-def]
    """`draw_piece`. samplers: of positions and of coverage, from `part_sampler`. cells: from `covered_cells`. left: the
    first column. row: arrays that are overwritten.
    """
    of_position, of_shown = samplers
    west, east = cells
    offset, texel, drawn, shares = row
    shown, cell, size = shares[0], of_shown[0], image.shape[1]
    top, bottom = pixels_in_box(box[1], box[2], size)
    for y in range(top, bottom):
        v = (np.float32(2 * y + 1) / size - ONE - box[1]) / box[2]
        above, below, _ = cell_pair(v, piece_map.shape[1])
        first_cell, last_cell = min(west[above], west[below]), max(east[above], east[below])
        if first_cell > last_cell:
            continue
        start, stop = columns_of_cells(first_cell, last_cell, cell)
        resize_rows(piece_map[2:], v, of_shown, shares)
        first, last = covered_span(shown, start, stop)
        if first < last:
            resize_rows(piece_map[:2], v, of_position, offset)
            locate_tile(side, offset, first, last, texel, shown)
            sample_texels(texels, TEXEL_UNIT, side, texel, offset, first, last, drawn)
            lay_over(drawn, shown, first, last, y, left, image)


@part
def pixels_in_box(centre, half, size):  # type: ignore[no-untyped-def]
    """The first pixel of a row or column whose centre lies in a box, and the one after the last. A box with NaN has
    none.
    """
    unit = np.float32(size) * HALF
    first = min(max(np.int64(np.floor((centre - half + ONE) * unit)), 0), size)
    last = min(max(np.int64(np.ceil((centre + half + ONE) * unit)), 0), size)
    while first < last and not abs((np.float32(2 * first + 1) / size - ONE - centre) / half) < ONE:
        first += 1
    while first < last and not abs((np.float32(2 * last - 1) / size - ONE - centre) / half) < ONE:
        last -= 1
    return first, last


@compiled
def covered_cells(covered):  # type: ignore[no-untyped-def]
    """The first and the last covered cell of each row of a map (M, M); M and −1 where there is none."""
    side = covered.shape[0]
    first, last = np.full(side, side), np.full(side, -1)
    for row in range(side):
        for x in range(side):
            if covered[row, x] >= MIN_COVERED32:
                first[row], last[row] = min(first[row], x), x
    return first, last


@compiled
def pixels_of_cells(first_cell, last_cell, cells, centre, half, size):  # type: ignore[no-untyped-def]
    """Those columns of a box with so many cells that have one of the given cells on one of their sides: the first, and
    the one after the last.
    """
    left, right = pixels_in_box(centre, half, size)
    if left >= right or first_cell > last_cell:
        return left, left
    start, stop = columns_of_cells(first_cell, last_cell, sample_columns(cells, centre, half, size, left, right)[0])
    return left + start, left + stop


@part
def columns_of_cells(first_cell, last_cell, cell):  # type: ignore[no-untyped-def]
    """Those columns that have one of the cells on one of their sides: the first, and the one after the last. cell: (n,)
    the cell to the left of each.
    """
    first, last = 0, cell.shape[0]
    while first < last and cell[first] + 1 < first_cell:
        first += 1
    while first < last and cell[last - 1] > last_cell:
        last -= 1
    return first, last


@part
def covered_span(covered, left, right):  # type: ignore[no-untyped-def]
    """The first pixel from `left` up to `right` that is covered, and the one after the last; `left` twice if none."""
    first, last = left, right
    while first < last and not covered[first] >= MIN_COVERED32:
        first += 1
    while first < last and not covered[last - 1] >= MIN_COVERED32:
        last -= 1
    return np.uint64(first), np.uint64(last)


@part
def locate_tile(side, offset, first, last, texel, shown):  # type: ignore[no-untyped-def]
    """From positions (2, S) on a tile, −1..1, to the flat index (S,) of the upper left of four texels, from `first` up
    to `last`; the positions are replaced by the distance from that texel, 0..1. shown (S,): from coverage to the share
    of the sample, 0..1, which falls to 0 within a texel beyond the centre of the last.
    """
    scale, end = np.float32(side) * HALF, np.float32(side - 1)
    middle, most, none = end * HALF, np.int32(side - 2), np.int32(0)
    for x in range(first, last):
        across, down = offset[0, x] * scale + middle, offset[1, x] * scale + middle
        u, v = min(max(across, ZERO), end), min(max(down, ZERO), end)
        left, top = min(max(np.int32(u), none), most), min(max(np.int32(v), none), most)  # in range for a NaN, too
        offset[0, x], offset[1, x] = u - np.float32(left), v - np.float32(top)
        texel[x] = (top * np.int32(side) + left) * np.int32(4)
        # One of four neighbours that is transparent takes its weight away, as a sample that is farther off does.
        share = max(ONE - abs(across - u), ZERO) * max(ONE - abs(down - v), ZERO)
        shown[x] = share if shown[x] >= MIN_COVERED32 else ZERO


@part
def lay_over(drawn, shown, first, last, y, left, image):  # type: ignore[no-untyped-def]
    """Compose samples (4, n), each by its share, over row y of premultiplied colours (4, S, S), in place, from column
    `left` on.
    """
    for c in range(4):
        lay_colour_over(drawn[c, first:last], drawn[3, first:last], shown[first:last], image[c, y, left + first :])


@part
def lay_colour_over(above, alpha, shown, below):  # type: ignore[no-untyped-def]
    """One channel of `lay_over`, (n,) over the first n of a row."""
    for x in range(above.shape[0]):
        below[x] = shown[x] * above[x] + (ONE - shown[x] * alpha[x]) * below[x]
