"""The current frame's attention over the streaming cache, and the write into it.

The cache is one buffer of rows, one row for each lane (stream): S slots of N tokens, R pinned reference slots first,
then the ring of W past frames and the current one. Reference keys are turned (RoPE) when they are pinned; the ring's
keys lie as they were projected and are turned by their slot's age at use. Which slots hold something, how old they are
and which lane each batch entry uses is read from tensors on the device, so streams in different states share a launch,
and a CUDA graph of it stays valid. The torch functions here are the specification and the CPU path.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kernels.attention import Rope, attend, head_norm


@dataclass(frozen=True, slots=True)
class Ring:
    """Where B batch entries stand in the cache; all int64, on the cache's device.

    lane: (B,) row of the cache that each entry uses. cursor: (lanes,) slot among W + 1 that the current frame writes.
    filled: (lanes,) past frames held, 0..W. pinned: (lanes,) reference slots in use, 0..R.
    """

    lane: Tensor
    cursor: Tensor
    filled: Tensor
    pinned: Tensor

    def slots(self, references: int, ring: int) -> tuple[Tensor, Tensor]:
        """(B, S) position of each slot (0 = current or reference, negative = past), and whether it holds anything."""
        lane = self.lane[:, None]  # (B, 1)
        age = (self.cursor[lane] - torch.arange(ring + 1, device=lane.device)) % (ring + 1)  # (B, W + 1)
        held = torch.arange(references, device=lane.device) < self.pinned[lane]  # (B, R)
        position = torch.cat([torch.zeros_like(held, dtype=torch.float32), -age.float()], 1)
        return position, torch.cat([held, age <= self.filled[lane]], 1)


def ring_attention(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    ring: Ring,
    rope: Rope,
    keyed: int,
    references: int,
    norm: Tensor | None = None,
    backend: str = "auto",
) -> Tensor:
    """softmax(q·k/√D)·v of the current frame over the live slots of its lane, itself included (`store` comes first).

    query: (B, H, N, D) of the current frame, before RoPE. keys, values: (lanes, H, S·N, D), S = references + W + 1.
    keyed: the last `keyed` heads take no RoPE. norm: (D,) weight of the query's `head_norm`, None = it is normed.
    Returns (B, H, N, D) in the query's dtype.
    """
    slots = keys.shape[2] // query.shape[2]
    position, live = ring.slots(references, slots - references - 1)
    if norm is not None:
        query = head_norm(query, norm).to(query.dtype)
    k, v = (each[ring.lane].to(query.dtype) for each in (keys, values))
    return attend(query, k, v, position, live, rope, keyed, references)


def store(
    key: Tensor,
    value: Tensor,
    keys: Tensor,
    values: Tensor,
    ring: Ring,
    references: int,
    norm: Tensor | None = None,
    backend: str = "auto",
) -> None:
    """Write the current frame's K and V into its lane's current slot, in place.

    key, value: (B, H, N, D), any strides (a view of a projection's output (B, N, H·D) will do). keys, values:
    (lanes, H, S·N, D). norm: (D,) weight of the key's `head_norm`, None = it is normed. No two entries share a lane.
    """
    if norm is not None:
        key = head_norm(key, norm)
    tokens = key.shape[2]
    lane = ring.lane[:, None]  # (B, 1)
    place = (references + ring.cursor[lane]) * tokens + torch.arange(tokens, device=lane.device)  # (B, N)
    keys[lane, :, place] = key.transpose(1, 2).to(keys.dtype)
    values[lane, :, place] = value.transpose(1, 2).to(values.dtype)
