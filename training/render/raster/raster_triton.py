"""Triton twin of `device_raster._weigh`: one launch, one lane for each sample; those that hit nothing do nothing."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 256


@triton.jit
def _edge(ax, ay, bx, by):  # type: ignore[no-untyped-def]
    return ax * by - ay * bx


@triton.jit
def _weigh_kernel(  # type: ignore[no-untyped-def]
    triangles, points, faces, character, weights, total, size, vertices, count, BLOCK: tl.constexpr
):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    triangle = tl.load(triangles + at, mask=at < total, other=-1).to(tl.int64)
    live = triangle >= 0
    picture = at // (size * size)
    local = at - picture * size * size
    row = local // size
    px = (local - row * size).to(tl.float32) + 0.5
    py = row.to(tl.float32) + 0.5
    who = tl.load(character + picture, mask=live, other=0)
    face = faces + (who * count + triangle) * 3
    base = picture * vertices
    a = points + (base + tl.load(face, mask=live, other=0)) * 3
    b = points + (base + tl.load(face + 1, mask=live, other=0)) * 3
    c = points + (base + tl.load(face + 2, mask=live, other=0)) * 3
    ax = tl.load(a, mask=live, other=0.0) - px
    ay = tl.load(a + 1, mask=live, other=0.0) - py
    bx = tl.load(b, mask=live, other=0.0) - px
    by = tl.load(b + 1, mask=live, other=0.0) - py
    cx = tl.load(c, mask=live, other=0.0) - px
    cy = tl.load(c + 1, mask=live, other=0.0) - py
    first = _edge(bx, by, cx, cy) * tl.load(a + 2, mask=live, other=0.0)
    second = _edge(cx, cy, ax, ay) * tl.load(b + 2, mask=live, other=0.0)
    third = _edge(ax, ay, bx, by) * tl.load(c + 2, mask=live, other=0.0)
    whole = tl.where(live, first + second + third, 1.0)
    tl.store(weights + 2 * at, first / whole, mask=live)
    tl.store(weights + 2 * at + 1, second / whole, mask=live)


def weigh(triangle: Tensor, points: Tensor, faces: Tensor, character: Tensor, size: int) -> Tensor:
    """See `device_raster._weigh`."""
    points, faces = points.contiguous(), faces.contiguous()
    assert triangle.is_contiguous() and points.shape[2] == 3 and faces.dtype == torch.int32
    weights = torch.zeros(len(triangle), 2, device=triangle.device)
    _weigh_kernel[(triton.cdiv(len(triangle), BLOCK),)](
        triangle, points, faces, character, weights, len(triangle), size, points.shape[1], faces.shape[1], BLOCK
    )
    return weights
