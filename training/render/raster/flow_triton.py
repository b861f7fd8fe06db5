"""Triton twin of `device_flow._follow`: one launch, one lane for each sample."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 256


@triton.jit
def _follow_kernel(  # type: ignore[no-untyped-def]
    wanted, target, reference, triangles, weights, depth, points, faces, character, shift, seen, total, side, vertices,
    count, tolerance, BLOCK: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = tl.load(wanted + at, mask=at < total, other=0) != 0
    area = side * side
    pair = at // area
    local = at - pair * area
    own = tl.load(target + pair, mask=live, other=0) * area + local
    other = tl.load(reference + pair, mask=live, other=0)
    wa = tl.load(weights + 2 * own, mask=live, other=0.0)
    wb = tl.load(weights + 2 * own + 1, mask=live, other=0.0)
    wc = 1 - (wa + wb)
    who = tl.load(character + other, mask=live, other=0)
    face = faces + (who * count + tl.load(triangles + own, mask=live, other=0)) * 3
    base = other * vertices
    a = points + (base + tl.load(face, mask=live, other=0)) * 3
    b = points + (base + tl.load(face + 1, mask=live, other=0)) * 3
    c = points + (base + tl.load(face + 2, mask=live, other=0)) * 3
    wa = wa / tl.load(a + 2, mask=live, other=1.0)
    wb = wb / tl.load(b + 2, mask=live, other=1.0)
    wc = wc / tl.load(c + 2, mask=live, other=1.0)
    z = wa + wb + wc
    px = tl.load(a, mask=live, other=0.0) * wa + tl.load(b, mask=live, other=0.0) * wb
    py = tl.load(a + 1, mask=live, other=0.0) * wa + tl.load(b + 1, mask=live, other=0.0) * wb
    px = (px + tl.load(c, mask=live, other=0.0) * wc) / z
    py = (py + tl.load(c + 1, mask=live, other=0.0) * wc) / z
    line = local // side
    tl.store(shift + 2 * at, px - ((local - line * side).to(tl.float32) + 0.5), mask=live)
    tl.store(shift + 2 * at + 1, py - (line.to(tl.float32) + 0.5), mask=live)

    # Where there is no number, none is larger than −3.
    column = tl.where(px > -3, tl.minimum(tl.maximum(tl.floor(px), -2.0), side + 1.0), -2.0).to(tl.int64)
    row = tl.where(py > -3, tl.minimum(tl.maximum(tl.floor(py), -2.0), side + 1.0), -2.0).to(tl.int64)
    near = column < -9
    for dy in tl.static_range(-1, 2):
        for dx in tl.static_range(-1, 2):
            x = column + dx
            y = row + dy
            inside = live & (x >= 0) & (x < side) & (y >= 0) & (y < side)
            d = tl.load(depth + other * area + y * side + x, mask=inside, other=0.0)
            near = near | ((d > 0) & (tl.abs(1 / tl.where(d > 0, d, 1.0) - z) < tolerance))
    shown = near & (column >= 0) & (column < side) & (row >= 0) & (row < side)
    tl.store(seen + at, tl.where(shown, 1.0, 0.0), mask=live)


def follow(
    wanted: Tensor, target: Tensor, reference: Tensor, triangles: Tensor, weights: Tensor, depth: Tensor,
    points: Tensor, faces: Tensor, character: Tensor, shift: Tensor, seen: Tensor, tolerance: float,
) -> None:  # fmt: skip
    """See `device_flow._follow`."""
    points, target, reference = points.contiguous(), target.contiguous(), reference.contiguous()
    side = triangles.shape[1]
    held = (wanted, target, reference, triangles, weights, depth, points, faces, character, shift, seen)
    assert all(each.is_contiguous() for each in held)
    _follow_kernel[(triton.cdiv(wanted.numel(), BLOCK),)](
        wanted.view(torch.uint8), *held[1:], wanted.numel(), side, points.shape[1], faces.shape[1], tolerance, BLOCK
    )
