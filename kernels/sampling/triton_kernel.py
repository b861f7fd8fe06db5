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
