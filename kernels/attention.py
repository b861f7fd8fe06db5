"""Attention of one frame over slots of N tokens, each slot with an age, as a pure function: what training
differentiates, what ONNX exports, and the specification of `kernels.ring`.

Keys come before RoPE; the age of a slot decides the rotation whenever the slot is read, so positions stay bounded and a
stream never has to be reset. Reference slots come first; their age never changes, and their keys are rotated once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

NORM_EPSILON = 1e-6  # of `head_norm`
MAX_AGES = 16  # ages in `Rope.tables`; no ring has more slots


@dataclass(frozen=True)
class Rope:
    """Rotary angles, split as (time | row | column) along the head width (Su et al. 2021, axial as in ViT practice).

    space: (N, D/2 − P) angles of each token's row and column, P = time.numel(). time: (P,) angle for each frame of age.
    """

    space: Tensor
    time: Tensor

    def to(self, device: torch.device) -> Rope:
        return Rope(self.space.to(device), self.time.to(device))

    @cached_property
    def tables(self) -> tuple[Tensor, Tensor]:
        """Cosine and sine, for kernels: of `space` (2, N, D/2 − P), and of `time` times an age (2, MAX_AGES, P)."""
        ages = torch.arange(MAX_AGES, device=self.time.device)[:, None] * self.time
        space, time = (torch.stack([angles.cos(), angles.sin()]) for angles in (self.space, ages))
        return space.contiguous(), time.contiguous()

    def angles(self, position: Tensor) -> Tensor:
        """position (B, S) in slots, 0 = current, negative = past -> (B, S·N, D/2) angles in radians."""
        batch, slots = position.shape
        tokens = self.space.shape[0]
        time = (position[..., None] * self.time)[:, :, None, :].expand(-1, -1, tokens, -1)
        space = self.space.expand(batch, slots, -1, -1)
        return torch.cat([time, space], -1).reshape(batch, slots * tokens, -1)


def axial_rope(grid: int, head_width: int, base: float = 100.0) -> Rope:
    """Angles for a grid×grid frame: a quarter of the pairs rotates with time, the rest half with row, half with column.

    Raises ValueError for a head width that is not divisible by 8.
    """
    if head_width % 8:
        raise ValueError(f"axial_rope needs a head width divisible by 8, got {head_width}")
    pairs = head_width // 2
    time_pairs = pairs // 4
    row_pairs = (pairs - time_pairs) // 2
    column_pairs = pairs - time_pairs - row_pairs

    def frequencies(count: int) -> Tensor:
        return base ** (-torch.arange(count) / max(count, 1))

    row, column = torch.meshgrid(torch.arange(grid).float(), torch.arange(grid).float(), indexing="ij")
    row_angles, column_angles = (
        row.reshape(-1, 1) * frequencies(row_pairs),
        column.reshape(-1, 1) * frequencies(column_pairs),
    )
    return Rope(space=torch.cat([row_angles, column_angles], -1), time=frequencies(time_pairs))


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Rotate pairs (first half, second half of D) of x (B, H, M, D) by angles (B, M, D/2); keeps x's dtype."""
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)


def head_norm(x: Tensor, weight: Tensor) -> Tensor:
    """Root-mean-square norm over the head width D (Zhang & Sennrich 2019), spelled out because ONNX opset 18 lacks it.

    x (..., D), weight (D,) -> (..., D).
    """
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + NORM_EPSILON) * weight


def apply_rope(x: Tensor, position: Tensor, rope: Rope, keyed: int) -> Tensor:
    """Queries or keys (B, H, S·N, D) rotated to the positions (B, S) of their slots; the last `keyed` heads, which have
    no RoPE, are left unchanged.
    """
    rope_heads = x.shape[1] - keyed
    return torch.cat([rotate(x[:, :rope_heads], rope.angles(position)), x[:, rope_heads:]], 1)


def attend(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    position: Tensor,
    is_occupied: Tensor,
    rope: Rope,
    keyed: int,
    pinned: int = 0,
) -> Tensor:
    """softmax(q·k/√D)·v of the current frame over every occupied slot (Vaswani et al. 2017).

    query: (B, H, N, D) of the current frame, before RoPE.
    keys, values: (B, H, S·N, D), keys before RoPE except those of the first `pinned` slots, which have it applied.
    position: (B, S) of each slot, 0 = current, negative = past.
    is_occupied: (B, S) bool, False = the slot is empty and is not read.
    keyed: the last `keyed` heads are geometry-keyed: their keys come from canonical coordinates and have no RoPE.

    Returns (B, H, N, D). Written out instead of torch's fused function: on a CPU its backward pass is several times
    faster, and ONNX Runtime fuses it by itself.
    """
    batch, _, tokens, _ = query.shape
    slots = position.shape[1]
    split = pinned * tokens
    q = apply_rope(query, torch.zeros_like(position[:, :1]), rope, keyed)
    ring_keys = apply_rope(keys[:, :, split:], position[:, pinned:], rope, keyed)
    k = torch.cat([keys[:, :, :split], ring_keys], 2) if pinned else ring_keys
    # Added to the scores, because a boolean mask costs ONNX Runtime three more passes.
    bias = (~is_occupied).to(query.dtype) * -1e9
    bias = bias[:, None, None, :, None].expand(batch, 1, 1, slots, tokens).reshape(batch, 1, 1, slots * tokens)
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + bias
    return scores.softmax(-1) @ values
