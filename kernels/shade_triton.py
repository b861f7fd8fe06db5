"""The Triton side of `kernels.shade`; imported only where Triton runs."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from kernels.backend import launching
from kernels.shade import LIGHT
from kernels.warp_triton import cell, stretched

_LIGHT = tl.constexpr(LIGHT)
_BLOCK = 256  # pixels of a program


@triton.jit
def _shade_kernel(picture, gain, boxes, size, side, BOXED: tl.constexpr, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    number = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    shaded = pixel < size * size
    v, u = (2 * (pixel // size) + 1) / (size * 1.0) - 1, (2 * (pixel % size) + 1) / (size * 1.0) - 1
    if BOXED:
        half = tl.load(boxes + number * 3 + 2)
        u, v = (u - tl.load(boxes + number * 3)) / half, (v - tl.load(boxes + number * 3 + 1)) / half
        shaded &= (tl.abs(u) < 1) & (tl.abs(v) < 1)
    row, column = cell(v, side), cell(u, side)
    plane = size * size
    place = picture + number * 4 * plane + pixel
    change = tl.load(place + 3 * plane, mask=shaded, other=0.0)
    change *= stretched(gain + number * side * side, side, row, column, shaded) - 1
    for c in tl.static_range(3):
        colour = tl.load(place + c * plane, mask=shaded, other=0.0)
        tl.store(place + c * plane, tl.clamp(colour + change * (colour + _LIGHT), 0.0, 1.0), mask=shaded)


def lay(picture: Tensor, gain: Tensor, box: Tensor | None) -> None:
    """See `kernels.shade.shade`."""
    batch, _, size, _ = picture.shape
    boxes = gain if box is None else box.contiguous()
    with launching("shade", picture.device):
        _shade_kernel[(triton.cdiv(size * size, _BLOCK), batch)](
            picture, gain.contiguous(), boxes, size, gain.shape[-1], BOXED=box is not None, BLOCK=_BLOCK
        )
