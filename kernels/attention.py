"""Attention over slots of N tokens, each with an age, as a pure function: what training differentiates, what ONNX
exports, and the specification of `kernels.ring`.

Keys come as they were projected, before RoPE; a slot's age decides its rotation when it is used, so positions stay
bounded and a stream never needs a cut. References come first; their age never changes, and their keys are turned once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

NORM_EPSILON = 1e-6  # of `head_norm`
FP8_LARGEST = 448.0  # of float8 e4m3
AGES = 16  # slots of age that `Rope.tables` knows: no ring is longer


@dataclass(frozen=True)
class Rope:
    """Rotary angles, split as (time | row | column) along the head width (Su et al. 2021, axial as in ViT practice).

    space: (N, D/2 − P) angles of each token's row and column, P = time.numel(). time: (P,) angle per slot of age.
    """

    space: Tensor
    time: Tensor

    def to(self, device: torch.device) -> Rope:
        return Rope(self.space.to(device), self.time.to(device))

    @cached_property
    def tables(self) -> tuple[Tensor, Tensor]:
        """Cosine and sine, for kernels: of `space` (2, N, D/2 − P), and of `time` times an age (2, AGES, P)."""
        ages = torch.arange(AGES, device=self.time.device)[:, None] * self.time
        space, time = (torch.stack([each.cos(), each.sin()]) for each in (self.space, ages))
        return space.contiguous(), time.contiguous()

    def angles(self, position: Tensor) -> Tensor:
        """position (B, S) in slots, 0 = current, negative = past -> (B, S·N, D/2) angles in radians."""
        batch, slots = position.shape
        tokens = self.space.shape[0]
        time = (position[..., None] * self.time)[:, :, None, :].expand(-1, -1, tokens, -1)
        space = self.space.expand(batch, slots, -1, -1)
        return torch.cat([time, space], -1).reshape(batch, slots * tokens, -1)


def axial_rope(grid: int, head_width: int, base: float = 100.0) -> Rope:
    """Angles for a grid×grid frame: a quarter of the head width turns with time, the rest half with row, half with
    column.
    """
    if head_width % 8:
        raise ValueError(f"axial_rope needs a head width divisible by 8, got {head_width}")
    pairs = head_width // 2
    in_time = pairs // 4
    in_row = (pairs - in_time) // 2
    in_column = pairs - in_time - in_row

    def frequencies(count: int) -> Tensor:
        return base ** (-torch.arange(count) / max(count, 1))

    row, column = torch.meshgrid(torch.arange(grid).float(), torch.arange(grid).float(), indexing="ij")
    space = torch.cat([row.reshape(-1, 1) * frequencies(in_row), column.reshape(-1, 1) * frequencies(in_column)], -1)
    return Rope(space=space, time=frequencies(in_time))


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


def turn(keys: Tensor, position: Tensor, rope: Rope, keyed: int) -> Tensor:
    """Keys (B, H, S·N, D) turned to their slots' ages (B, S); the last `keyed` heads stay as they are."""
    spatial = keys.shape[1] - keyed
    return torch.cat([rotate(keys[:, :spatial], rope.angles(position)), keys[:, spatial:]], 1)


def attend(
    query: Tensor, keys: Tensor, values: Tensor, position: Tensor, live: Tensor, rope: Rope, keyed: int, pinned: int = 0
) -> Tensor:
    """softmax(q·k/√D)·v of the current frame over every live slot.

    query: (B, H, N, D) of the current frame. keys, values: (B, H, S·N, D), keys before RoPE except those of the first
    `pinned` slots, which `turn` has turned already. position: (B, S) age of each slot, 0 = current, negative = past.
    live: (B, S) bool, False = slot is empty.
    keyed: the last `keyed` heads are geometry-keyed: their keys come from canonical coordinates and take no RoPE.
    Returns (B, H, N, D). Attention as in Vaswani et al. 2017, written out: on a CPU its backward pass is several times
    faster than the fused one's, and ONNX Runtime fuses it by itself.
    """
    batch, _, tokens, _ = query.shape
    slots = position.shape[1]
    split = pinned * tokens
    q = turn(query, torch.zeros_like(position[:, :1]), rope, keyed)
    fresh = turn(keys[:, :, split:], position[:, pinned:], rope, keyed)
    k = torch.cat([keys[:, :, :split], fresh], 2) if pinned else fresh
    barred = (~live).to(query.dtype) * -1e9  # added to the scores: a boolean mask costs ONNX Runtime three passes more
    mask = barred[:, None, None, :, None].expand(batch, 1, 1, slots, tokens).reshape(batch, 1, 1, slots * tokens)
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + mask
    return scores.softmax(-1) @ values
