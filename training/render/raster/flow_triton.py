"""Triton twin of `device_flow._reproject`: one launch, one thread for each sample."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 256


@triton.jit
def _reproject_kernel(  # type: ignore[no-untyped-def]
    wanted_ptr, target_ptr, reference_ptr, triangles_ptr, weights_ptr, depth_ptr, points_ptr, faces_ptr, character_ptr,
    shift_ptr, visible_ptr, total, side, vertex_count, faces_per_character, tolerance, BLOCK: tl.constexpr,
):  # fmt: skip
    sample = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = tl.load(wanted_ptr + sample, mask=sample < total, other=0) != 0
    area = side * side
    pair = sample // area
    local = sample - pair * area
    target_sample = tl.load(target_ptr + pair, mask=mask, other=0) * area + local
    other = tl.load(reference_ptr + pair, mask=mask, other=0)
    wa = tl.load(weights_ptr + 2 * target_sample, mask=mask, other=0.0)
    wb = tl.load(weights_ptr + 2 * target_sample + 1, mask=mask, other=0.0)
    wc = 1 - (wa + wb)
    owner = tl.load(character_ptr + other, mask=mask, other=0)
    face = faces_ptr + (owner * faces_per_character + tl.load(triangles_ptr + target_sample, mask=mask, other=0)) * 3
    base = other * vertex_count
    a = points_ptr + (base + tl.load(face, mask=mask, other=0)) * 3
    b = points_ptr + (base + tl.load(face + 1, mask=mask, other=0)) * 3
    c = points_ptr + (base + tl.load(face + 2, mask=mask, other=0)) * 3
    wa = wa / tl.load(a + 2, mask=mask, other=1.0)
    wb = wb / tl.load(b + 2, mask=mask, other=1.0)
    wc = wc / tl.load(c + 2, mask=mask, other=1.0)
    z = wa + wb + wc
    px = tl.load(a, mask=mask, other=0.0) * wa + tl.load(b, mask=mask, other=0.0) * wb
    py = tl.load(a + 1, mask=mask, other=0.0) * wa + tl.load(b + 1, mask=mask, other=0.0) * wb
    px = (px + tl.load(c, mask=mask, other=0.0) * wc) / z
    py = (py + tl.load(c + 1, mask=mask, other=0.0) * wc) / z
    own_row = local // side
    tl.store(shift_ptr + 2 * sample, px - ((local - own_row * side).to(tl.float32) + 0.5), mask=mask)
    tl.store(shift_ptr + 2 * sample + 1, py - (own_row.to(tl.float32) + 0.5), mask=mask)

    # NaN compares false, so a position that is not a number becomes −2, which is outside.
    column = tl.where(px > -3, tl.minimum(tl.maximum(tl.floor(px), -2.0), side + 1.0), -2.0).to(tl.int64)
    row = tl.where(py > -3, tl.minimum(tl.maximum(tl.floor(py), -2.0), side + 1.0), -2.0).to(tl.int64)
    found = column < -9
    for dy in tl.static_range(-1, 2):
        for dx in tl.static_range(-1, 2):
            x = column + dx
            y = row + dy
            inside = mask & (x >= 0) & (x < side) & (y >= 0) & (y < side)
            d = tl.load(depth_ptr + other * area + y * side + x, mask=inside, other=0.0)
            found = found | ((d > 0) & (tl.abs(1 / tl.where(d > 0, d, 1.0) - z) < tolerance))
    visible = found & (column >= 0) & (column < side) & (row >= 0) & (row < side)
    tl.store(visible_ptr + sample, tl.where(visible, 1.0, 0.0), mask=mask)


def reproject(
    wanted: Tensor, target: Tensor, reference: Tensor, triangles: Tensor, weights: Tensor, depth: Tensor,
    points: Tensor, faces: Tensor, character: Tensor, shift: Tensor, visible: Tensor, tolerance: float,
) -> None:  # fmt: skip
    """See `device_flow._reproject`."""
    points, target, reference = points.contiguous(), target.contiguous(), reference.contiguous()
    side = triangles.shape[1]
    tensors = (wanted, target, reference, triangles, weights, depth, points, faces, character, shift, visible)
    assert all(each.is_contiguous() for each in tensors)
    _reproject_kernel[(triton.cdiv(wanted.numel(), BLOCK),)](
        wanted.view(torch.uint8), *tensors[1:], wanted.numel(), side, points.shape[1], faces.shape[1], tolerance, BLOCK
    )
