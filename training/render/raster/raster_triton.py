"""Triton twin of `device_raster._corner_weights`: one launch, one thread for each sample."""

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
def _corner_weights_kernel(  # type: ignore[no-untyped-def]
    triangles_ptr, points_ptr, faces_ptr, character_ptr, weights_ptr, total, size, vertex_count, faces_per_character,
    BLOCK: tl.constexpr,
):  # fmt: skip
    sample = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    triangle = tl.load(triangles_ptr + sample, mask=sample < total, other=-1).to(tl.int64)
    mask = triangle >= 0
    picture = sample // (size * size)
    local = sample - picture * size * size
    row = local // size
    px = (local - row * size).to(tl.float32) + 0.5
    py = row.to(tl.float32) + 0.5
    owner = tl.load(character_ptr + picture, mask=mask, other=0)
    face = faces_ptr + (owner * faces_per_character + triangle) * 3
    base = picture * vertex_count
    a = points_ptr + (base + tl.load(face, mask=mask, other=0)) * 3
    b = points_ptr + (base + tl.load(face + 1, mask=mask, other=0)) * 3
    c = points_ptr + (base + tl.load(face + 2, mask=mask, other=0)) * 3
    ax = tl.load(a, mask=mask, other=0.0) - px
    ay = tl.load(a + 1, mask=mask, other=0.0) - py
    bx = tl.load(b, mask=mask, other=0.0) - px
    by = tl.load(b + 1, mask=mask, other=0.0) - py
    cx = tl.load(c, mask=mask, other=0.0) - px
    cy = tl.load(c + 1, mask=mask, other=0.0) - py
    first = _edge(bx, by, cx, cy) * tl.load(a + 2, mask=mask, other=0.0)
    second = _edge(cx, cy, ax, ay) * tl.load(b + 2, mask=mask, other=0.0)
    third = _edge(ax, ay, bx, by) * tl.load(c + 2, mask=mask, other=0.0)
    total_weight = tl.where(mask, first + second + third, 1.0)
    tl.store(weights_ptr + 2 * sample, first / total_weight, mask=mask)
    tl.store(weights_ptr + 2 * sample + 1, second / total_weight, mask=mask)


def corner_weights(triangle: Tensor, points: Tensor, faces: Tensor, character: Tensor, size: int) -> Tensor:
    """See `device_raster._corner_weights`."""
    points, faces = points.contiguous(), faces.contiguous()
    assert triangle.is_contiguous() and points.shape[2] == 3 and faces.dtype == torch.int32
    weights = torch.zeros(len(triangle), 2, device=triangle.device)
    _corner_weights_kernel[(triton.cdiv(len(triangle), BLOCK),)](
        triangle, points, faces, character, weights, len(triangle), size, points.shape[1], faces.shape[1], BLOCK
    )
    return weights
