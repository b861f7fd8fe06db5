"""The streaming state of all streams: pinned reference K/V and a ring of past frames' K/V, allocated once."""

from __future__ import annotations

import torch
from torch import Tensor

from kernels.attention import FP8_LARGEST
from kernels.ring import FLOAT8, Ring, stored, writable
from models.config import ModelConfig

REFERENCE_POSITION = -8.0  # a fixed "age" of the pinned slots, beyond any ring
ROOM = 4.0  # float8: how many times larger than the references' largest numbers a frame's may be


class Cache:
    """K and V of every layer, one lane for each stream: slots [references | ring + current].

    keys, values: (L, lanes, H, S·N, D); the ring's keys before RoPE, the references' as `CausalDiT.refer` turned them.
    cursor: (lanes,) the slot among ring + 1 that the current frame writes. filled: (lanes,) past frames held, 0..ring.
    pinned: (lanes,) reference slots in use. scale: None, or for float8 (e4m3), which takes a quarter of the memory of
    float32 and moves what attention returns by some hundredths, (L, 2, lanes, H) what keys and values are multiplied
    with.

    Everything is changed in place and by operations on the device alone, so that a CUDA graph may hold them; nothing is
    re-allocated, rolled or concatenated, and nothing waits for the device. A `lane` argument is (B,) int64 on the
    cache's device; None means all lanes, in order.
    """

    def __init__(
        self, config: ModelConfig, lanes: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        shape = (config.depth, lanes, config.heads, config.slots * config.tokens, config.head_width)
        self.config = config
        self.keys = torch.zeros(shape, device=device, dtype=dtype)
        self.values = torch.zeros(shape, device=device, dtype=dtype)
        self.cursor = torch.zeros(lanes, dtype=torch.long, device=device)
        self.filled = torch.zeros(lanes, dtype=torch.long, device=device)
        self.pinned = torch.zeros(lanes, dtype=torch.long, device=device)
        self.scale: Tensor | None = None
        if dtype == FLOAT8:
            self.scale = torch.ones(config.depth, 2, lanes, config.heads, device=device)
        self._all = torch.arange(lanes, device=device)

    @property
    def lanes(self) -> int:
        return len(self._all)

    def layer(self, number: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys, values (lanes, H, S·N, D) and scale (2, lanes, H) of a layer; views."""
        return self.keys[number], self.values[number], None if self.scale is None else self.scale[number]

    def ring(self, lane: Tensor | None = None) -> Ring:
        """Where these lanes stand; a view, which follows every later change."""
        return Ring(self._all if lane is None else lane, self.cursor, self.filled, self.pinned)

    def pin(self, lane: Tensor | None, keys: Tensor, values: Tensor) -> None:
        """Copy references' K/V, (L, B or 1, H, P·N, D) with P of at most `references` pictures, into these lanes; they
        see P pictures from now on. Their past frames stay, except in float8, whose scale the references decide. Raises
        ValueError for a P that does not fit.
        """
        lane = self._all if lane is None else lane
        length = keys.shape[3]
        pictures, odd = divmod(length, self.config.tokens)
        if odd or pictures > self.config.references:
            raise ValueError(f"{length} tokens do not fill up to {self.config.references}×{self.config.tokens} slots")
        for part, (held, new) in enumerate(((self.keys, keys), (self.values, values))):
            rows, scale = new.expand(-1, len(lane), -1, -1, -1), None
            if self.scale is not None:
                scale = rows.float().abs().amax((3, 4)).clamp_min(1e-6) * (ROOM / FP8_LARGEST)  # (L, B, H)
                self.scale[:, part].index_copy_(1, lane, scale)
            writable(held)[:, :, :, :length].index_copy_(1, lane, writable(stored(rows, held.dtype, scale)))
        if self.scale is not None:
            self.reset(lane)
        self.pinned.index_fill_(0, lane, pictures)

    def advance(self, lane: Tensor | None = None) -> None:
        """The current frame becomes the newest past one. A lane named twice advances once."""
        lane = self._all if lane is None else lane
        self.cursor.index_copy_(0, lane, (self.cursor[lane] + 1) % (self.config.ring + 1))
        self.filled.index_copy_(0, lane, (self.filled[lane] + 1).clamp_max(self.config.ring))

    def reset(self, lane: Tensor | None = None) -> None:
        """Forget the past frames; the references stay pinned."""
        lane = self._all if lane is None else lane
        self.cursor.index_fill_(0, lane, 0)
        self.filled.index_fill_(0, lane, 0)
