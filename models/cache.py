"""The streaming state: pinned reference K/V and a ring of past frames' K/V, allocated once."""

from __future__ import annotations

import torch
from torch import Tensor

from models.config import ModelConfig

REFERENCE_POSITION = -8.0  # a fixed "age" of the pinned slots, beyond any ring


class Cache:
    """K and V of every layer for a batch of sessions: slots [references | ring + current].

    keys, values: (L, B, H, S·N, D); the ring's keys before RoPE, the references' as `CausalDiT.refer` turned them.
    cursor: (B,) the slot among ring + 1 that the current frame writes. filled: (B,) past frames held, 0..ring. Only
    `pin`, `advance` and `reset` change the cursors; the blocks write through `write`. Nothing is re-allocated, rolled
    or concatenated.
    """

    def __init__(
        self, config: ModelConfig, batch: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ):
        shape = (config.depth, batch, config.heads, config.slots * config.tokens, config.head_width)
        self.config = config
        self.keys = torch.zeros(shape, device=device, dtype=dtype)
        self.values = torch.zeros(shape, device=device, dtype=dtype)
        self.cursor = torch.zeros(batch, dtype=torch.long, device=device)
        self.filled = torch.zeros(batch, dtype=torch.long, device=device)
        self._ages = torch.arange(config.ring + 1, device=device)
        self._tokens = torch.arange(config.tokens, device=device)
        self._rows = torch.arange(batch, device=device)[:, None]

    @property
    def pinned(self) -> int:
        """Tokens in the reference slots."""
        return self.config.references * self.config.tokens

    def pin(self, keys: Tensor, values: Tensor) -> None:
        """Copy a reference's K/V, (L, B or 1, H, R·N, D), into the pinned slots."""
        self.keys[..., : self.pinned, :] = keys
        self.values[..., : self.pinned, :] = values

    def write(self, layer: int, key: Tensor, value: Tensor) -> None:
        """Store the current frame's K/V (B, H, N, D) of one layer in each session's current slot."""
        place = self.pinned + self.cursor[:, None] * self.config.tokens + self._tokens  # (B, N)
        self.keys[layer][self._rows, :, place] = key.transpose(1, 2)
        self.values[layer][self._rows, :, place] = value.transpose(1, 2)

    def slots(self) -> tuple[Tensor, Tensor]:
        """(B, S) position of each slot (0 = current, negative = past) and whether it holds anything."""
        age = (self.cursor[:, None] - self._ages) % (self.config.ring + 1)  # (B, ring + 1)
        reference = torch.full((age.shape[0], self.config.references), REFERENCE_POSITION, device=age.device)
        position = torch.cat([reference, -age.float()], 1)
        live = torch.cat([torch.ones_like(reference, dtype=torch.bool), age <= self.filled[:, None]], 1)
        return position, live

    def advance(self) -> None:
        """The current frame becomes the newest past one."""
        self.cursor.add_(1).remainder_(self.config.ring + 1)
        self.filled.add_(1).clamp_(max=self.config.ring)

    def reset(self) -> None:
        """Forget the past frames; the reference stays pinned."""
        self.cursor.zero_()
        self.filled.zero_()
