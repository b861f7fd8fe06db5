"""`shade` in Triton; imported only where Triton runs."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from kernels.backend import launching
from kernels.sampling.triton_kernel import cell_pair, sample_plane
from kernels.shade.reference import SPECULAR_REFLECTANCE

_REFLECTANCE = tl.constexpr(SPECULAR_REFLECTANCE)
_PIXELS_PER_PROGRAM = 256


@triton.jit
def _shade_kernel(  # type: ignore[no-untyped-def]
    picture_ptr, gain_ptr, boxes_ptr, size, side, GAINS: tl.constexpr, BOXED: tl.constexpr, BLOCK: tl.constexpr
):
    number = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    shaded = pixel < size * size
    v, u = (2 * (pixel // size) + 1) / (size * 1.0) - 1, (2 * (pixel % size) + 1) / (size * 1.0) - 1
    if BOXED:
        half = tl.load(boxes_ptr + number * 3 + 2)
        u, v = (u - tl.load(boxes_ptr + number * 3)) / half, (v - tl.load(boxes_ptr + number * 3 + 1)) / half
        shaded &= (tl.abs(u) < 1) & (tl.abs(v) < 1)
    rows, columns = cell_pair(v, side), cell_pair(u, side)
    plane = size * size
    pixel_ptr = picture_ptr + number * 4 * plane + pixel
    alpha = tl.load(pixel_ptr + 3 * plane, mask=shaded, other=0.0)
    gain_ptr += number * GAINS * side * side
    change = alpha * (sample_plane(gain_ptr, side, rows, columns, shaded) - 1)
    for c in tl.static_range(3):
        if c > 0 and c < GAINS:
            change = alpha * (sample_plane(gain_ptr + c * side * side, side, rows, columns, shaded) - 1)
        colour = tl.load(pixel_ptr + c * plane, mask=shaded, other=0.0)
        tl.store(pixel_ptr + c * plane, tl.clamp(colour + change * (colour + _REFLECTANCE), 0.0, 1.0), mask=shaded)


def shade(picture: Tensor, gain: Tensor, box: Tensor | None) -> None:
    """See `kernels.shade.shade`."""
    batch, channels, size, _ = picture.shape
    gains, side = gain.shape[1], gain.shape[-1]
    gain = gain.contiguous()
    boxes = gain if box is None else box.contiguous()
    assert picture.is_contiguous() and channels == 4 and picture.shape[-1] == size, f"a picture {tuple(picture.shape)}"
    assert gains in (1, 3) and gain.shape == (batch, gains, side, side)
    assert box is None or boxes.shape == (batch, 3)
    with launching("shade", picture.device):
        _shade_kernel[(triton.cdiv(size * size, _PIXELS_PER_PROGRAM), batch)](
            picture, gain, boxes, size, side, GAINS=gains, BOXED=box is not None, BLOCK=_PIXELS_PER_PROGRAM
        )
