"""The Triton side of `kernels.overlay`; imported only where Triton runs.

One program for each square of the canvas: where a window lies is known on the device alone, and a program whose square
it does not touch ends at once.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from kernels.backend import launching
from kernels.warp_triton import cell, stretched

_TILE = 16  # pixels along a program's square


@triton.jit
def _overlay_kernel(picture, window, cover, paint, size, side, TILE: tl.constexpr):  # type: ignore[no-untyped-def]
    number = tl.program_id(1).to(tl.int64)
    tiles = tl.cdiv(size, TILE)
    top, left = tl.program_id(0) // tiles * TILE, tl.program_id(0) % tiles * TILE
    window += number * 6
    x0, y0 = tl.load(window), tl.load(window + 1)
    ax, ay, dx, dy = tl.load(window + 2), tl.load(window + 3), tl.load(window + 4), tl.load(window + 5)
    wide, high, pixel = tl.abs(ax) + tl.abs(dx), tl.abs(ay) + tl.abs(dy), 2.0 / size
    beside = (left * pixel - 1 < x0 + wide) & ((left + TILE) * pixel - 1 > x0 - wide)
    if beside & (top * pixel - 1 < y0 + high) & ((top + TILE) * pixel - 1 > y0 - high):
        lane = tl.arange(0, TILE * TILE)
        y, x = top + lane // TILE, left + lane % TILE
        u, v = (2 * x + 1) / (size * 1.0) - 1 - x0, (2 * y + 1) / (size * 1.0) - 1 - y0
        turned = 1 / tl.maximum(dx * dx + dy * dy, 1e-9)
        s, t = (u * ax + v * ay) * turned, (u * dx + v * dy) * turned
        covered = (tl.abs(s) < 1) & (tl.abs(t) < 1) & (x < size) & (y < size)
        row, column = cell(t, side), cell(s, side)
        plane = size * size
        place = picture + number * 4 * plane + y * size + x
        share = tl.load(place + 3 * plane, mask=covered, other=0.0)
        share *= stretched(cover + number * side * side, side, row, column, covered)
        for c in tl.static_range(3):
            tint = stretched(paint + (number * 3 + c) * side * side, side, row, column, covered)
            colour = tl.load(place + c * plane, mask=covered, other=0.0)
            tl.store(place + c * plane, colour + share * (tint - colour), mask=covered)


def lay(picture: Tensor, window: Tensor, cover: Tensor, paint: Tensor) -> None:
    """See `kernels.overlay.overlay`."""
    batch, _, size, _ = picture.shape
    side = cover.shape[-1]
    window, cover, paint = (part.contiguous() for part in (window, cover, paint))
    with launching("overlay", picture.device):
        _overlay_kernel[(triton.cdiv(size, _TILE) ** 2, batch)](picture, window, cover, paint, size, side, TILE=_TILE)
