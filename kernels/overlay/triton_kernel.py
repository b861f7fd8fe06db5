"""`overlay` in Triton; imported only where Triton runs.

One program for each square tile of the canvas: the window's position is known on the device alone, and a program whose
tile the window does not touch ends at once.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from kernels.backend import launching
from kernels.sampling.triton_kernel import cell_pair, sample_plane

_TILE_SIDE = 16  # pixels


@triton.jit
def _overlay_kernel(picture_ptr, window_ptr, cover_ptr, paint_ptr, size, side, TILE: tl.constexpr):  # type: ignore[no-untyped-def]
    number = tl.program_id(1).to(tl.int64)
    tiles = tl.cdiv(size, TILE)
    top, left = tl.program_id(0) // tiles * TILE, tl.program_id(0) % tiles * TILE
    window_ptr += number * 6
    x0, y0 = tl.load(window_ptr), tl.load(window_ptr + 1)
    ax, ay = tl.load(window_ptr + 2), tl.load(window_ptr + 3)
    dx, dy = tl.load(window_ptr + 4), tl.load(window_ptr + 5)
    half_width, half_height, pixel = tl.abs(ax) + tl.abs(dx), tl.abs(ay) + tl.abs(dy), 2.0 / size
    overlaps_x = (left * pixel - 1 < x0 + half_width) & ((left + TILE) * pixel - 1 > x0 - half_width)
    if overlaps_x & (top * pixel - 1 < y0 + half_height) & ((top + TILE) * pixel - 1 > y0 - half_height):
        in_tile = tl.arange(0, TILE * TILE)
        y, x = top + in_tile // TILE, left + in_tile % TILE
        u, v = (2 * x + 1) / (size * 1.0) - 1 - x0, (2 * y + 1) / (size * 1.0) - 1 - y0
        scale = 1 / tl.maximum(dx * dx + dy * dy, 1e-9)
        s, t = (u * ax + v * ay) * scale, (u * dx + v * dy) * scale
        covered = (tl.abs(s) < 1) & (tl.abs(t) < 1) & (x < size) & (y < size)
        rows, columns = cell_pair(t, side), cell_pair(s, side)
        plane = size * size
        pixel_ptr = picture_ptr + number * 4 * plane + y * size + x
        share = tl.load(pixel_ptr + 3 * plane, mask=covered, other=0.0)
        share *= sample_plane(cover_ptr + number * side * side, side, rows, columns, covered)
        for c in tl.static_range(3):
            paint = sample_plane(paint_ptr + (number * 3 + c) * side * side, side, rows, columns, covered)
            colour = tl.load(pixel_ptr + c * plane, mask=covered, other=0.0)
            tl.store(pixel_ptr + c * plane, colour + share * (paint - colour), mask=covered)


def overlay(picture: Tensor, window: Tensor, cover: Tensor, paint: Tensor) -> None:
    """See `kernels.overlay.overlay`."""
    batch, channels, size, _ = picture.shape
    side = cover.shape[-1]
    window, cover, paint = (part.contiguous() for part in (window, cover, paint))
    assert picture.is_contiguous() and channels == 4 and picture.shape[-1] == size, f"a picture {tuple(picture.shape)}"
    assert (
        window.shape == (batch, 6) and cover.shape == (batch, 1, side, side) and paint.shape == (batch, 3, side, side)
    )
    with launching("overlay", picture.device):
        _overlay_kernel[(triton.cdiv(size, _TILE_SIDE) ** 2, batch)](
            picture, window, cover, paint, size, side, TILE=_TILE_SIDE
        )
