"""`draw_tiles` in Triton; imported only where Triton runs.

One program computes a square block of pixels of one image: it goes through the pieces from back to front, skips those
of other images and those whose boxes it does not touch, and writes once.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.backend import launching
from kernels.sampling.triton_kernel import cell_pair, nearest_texels, sample_plane, sample_texture
from kernels.tiles.reference import IMAGES, MIN_COVERED

_IMAGES, _MIN_COVERED = tl.constexpr(IMAGES), tl.constexpr(MIN_COVERED)
_BLOCK_SIDE = 16  # pixels


@triton.jit
def _touches(centre, half, first, pixels, size):  # type: ignore[no-untyped-def]
    """Whether a box reaches one of `pixels` pixels from `first` on, across or down."""
    low, high = first * 2.0 / size - 1, (first + pixels) * 2.0 / size - 1
    return (low < centre + half) & (high > centre - half)


@triton.jit
def _tile_share(position, side):  # type: ignore[no-untyped-def]
    """Share of a sample at a position in texels from the centre of the first of `side`: 1 up to the centre of the last,
    and falling to 0 within a texel beyond.
    """
    return tl.maximum(1 - tl.abs(position - tl.clamp(position, 0.0, side - 1.0)), 0.0)


@triton.jit
def _draw_tiles_kernel(  # type: ignore[no-untyped-def]
    tiles_ptr, maps_ptr, boxes_ptr, order_ptr, slot_ptr, images_ptr, pieces, size, side, cells, tile_picture,
    tile_piece, plane, row, column, BLOCK: tl.constexpr,
):  # fmt: skip
    """tile_picture to column: strides of the tiles."""
    image, picture = tl.program_id(1), tl.program_id(2).to(tl.int64)
    blocks = tl.cdiv(size, BLOCK)
    top, left = tl.program_id(0) // blocks * BLOCK, tl.program_id(0) % blocks * BLOCK
    in_block = tl.arange(0, BLOCK * BLOCK)
    y, x = top + in_block // BLOCK, left + in_block % BLOCK
    is_pixel = (x < size) & (y < size)
    canvas_v, canvas_u = (2 * y + 1) / (size * 1.0) - 1, (2 * x + 1) / (size * 1.0) - 1
    red = tl.zeros((BLOCK * BLOCK,), tl.float32)
    green, blue, alpha = red, red, red
    for number in range(pieces):
        piece = picture * pieces + tl.load(order_ptr + picture * pieces + number)
        x0, y0, half = (
            tl.load(boxes_ptr + piece * 3),
            tl.load(boxes_ptr + piece * 3 + 1),
            tl.load(boxes_ptr + piece * 3 + 2),
        )
        is_seen = _touches(x0, half, left, BLOCK, size) & _touches(y0, half, top, BLOCK, size)
        if is_seen & (tl.load(slot_ptr + piece) == image):
            u, v = (canvas_u - x0) / half, (canvas_v - y0) / half
            in_box = is_pixel & (tl.abs(u) < 1) & (tl.abs(v) < 1)
            rows, columns = cell_pair(v, cells), cell_pair(u, cells)
            map_ptr = maps_ptr + piece * 3 * cells * cells
            shows = in_box & (sample_plane(map_ptr + 2 * cells * cells, cells, rows, columns, in_box) >= _MIN_COVERED)
            across = ((sample_plane(map_ptr, cells, rows, columns, shows) + 1) * side - 1) * 0.5
            down = ((sample_plane(map_ptr + cells * cells, cells, rows, columns, shows) + 1) * side - 1) * 0.5
            share = _tile_share(across, side) * _tile_share(down, side)
            tile_ptr = tiles_ptr + picture * tile_picture + (piece - picture * pieces) * tile_piece
            texels = nearest_texels(tile_ptr, across, down, side, row, column)
            rest = 1 - share * sample_texture(texels, 3 * plane, row, column, shows)
            red = rest * red + share * sample_texture(texels, 0, row, column, shows)
            green = rest * green + share * sample_texture(texels, plane, row, column, shows)
            blue = rest * blue + share * sample_texture(texels, 2 * plane, row, column, shows)
            alpha = rest * alpha + (1 - rest)
    images_ptr += (picture * _IMAGES + image) * 4 * size * size + y * size + x
    tl.store(images_ptr, red, mask=is_pixel)
    tl.store(images_ptr + size * size, green, mask=is_pixel)
    tl.store(images_ptr + 2 * size * size, blue, mask=is_pixel)
    tl.store(images_ptr + 3 * size * size, alpha, mask=is_pixel)


def draw_tiles(tiles: Tensor, maps: Tensor, boxes: Tensor, order: Tensor, slot: Tensor, size: int) -> Tensor:
    """See `kernels.tiles.draw_tiles`. Tiles may have any strides."""
    (batch, pieces), side = order.shape, tiles.shape[-1]
    images = torch.empty(batch, IMAGES, 4, size, size, device=tiles.device, dtype=torch.float32)
    maps, boxes, order, slot = (part.contiguous() for part in (maps, boxes, order, slot))
    with launching("draw_tiles", tiles.device):
        _draw_tiles_kernel[(triton.cdiv(size, _BLOCK_SIDE) ** 2, IMAGES, batch)](
            tiles, maps, boxes, order, slot, images, pieces, size, side, maps.shape[-1], *tiles.stride(),
            BLOCK=_BLOCK_SIDE,
        )  # fmt: skip
    return images
