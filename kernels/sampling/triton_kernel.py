"""Bilinear sampling in Triton; imported only where Triton runs."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def cell_pair(position, side):  # type: ignore[no-untyped-def]
    """The two of `side` cells around a position in -1..1, and the distance 0..1 from the first of them."""
    at = tl.clamp(((position + 1) * side - 1) * 0.5, 0.0, side - 1.0)
    first = at.to(tl.int32)
    return first, tl.minimum(first + 1, side - 1), at - first


@triton.jit
def sample_plane(plane_ptr, width, rows, columns, mask):  # type: ignore[no-untyped-def]
    """The value of a square plane between four cells. rows, columns: from `cell_pair`."""
    top, bottom, down = rows
    left, right, across = columns
    nw = tl.load(plane_ptr + top * width + left, mask=mask, other=0.0)
    ne = tl.load(plane_ptr + top * width + right, mask=mask, other=0.0)
    sw = tl.load(plane_ptr + bottom * width + left, mask=mask, other=0.0)
    se = tl.load(plane_ptr + bottom * width + right, mask=mask, other=0.0)
    return (1 - down) * ((1 - across) * nw + across * ne) + down * ((1 - across) * sw + across * se)


@triton.jit
def nearest_texels(texture_ptr, right, low, side, row, column):  # type: ignore[no-untyped-def]
    """Pointer to the upper left of four texels of a square texture around a point, in texels from the centre of the
    first, and the distance from it, 0..1, to the right and down.
    """
    right, low = tl.clamp(right, 0.0, side - 1.0), tl.clamp(low, 0.0, side - 1.0)
    left, top = tl.minimum(right.to(tl.int32), side - 2), tl.minimum(low.to(tl.int32), side - 2)
    left, top = tl.maximum(left, 0), tl.maximum(top, 0)  # in range for a NaN, too
    return texture_ptr + top.to(tl.int64) * row + left * column, right - left, low - top


@triton.jit
def sample_texture(texel, plane, row, column, is_pixel):  # type: ignore[no-untyped-def]
    """One channel of a texture between four texels. texel: from `nearest_texels`; plane: offset of the channel."""
    texel_ptr, right, low = texel
    texel_ptr += plane
    nw = tl.load(texel_ptr, mask=is_pixel, other=0.0)
    ne = tl.load(texel_ptr + column, mask=is_pixel, other=0.0)
    sw = tl.load(texel_ptr + row, mask=is_pixel, other=0.0)
    se = tl.load(texel_ptr + row + column, mask=is_pixel, other=0.0)
    return (1 - low) * ((1 - right) * nw + right * ne) + low * ((1 - right) * sw + right * se)
