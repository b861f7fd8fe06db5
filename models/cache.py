"""The KV cache of all streams: pinned references and a ring of past frames, allocated once."""

from __future__ import annotations

import torch
from torch import Tensor

from kernels.ring import FLOAT8, FLOAT8_MAX, RingState, byte_view, quantise
from models.config import ModelConfig

REFERENCE_POSITION = -8.0  # temporal position of the references in RoPE, earlier than any frame of the ring
FP8_HEADROOM = 4.0  # K and V of a frame may be this many times as large as the references' largest


class Cache:
    """K and V of every layer, one lane for each stream, in S slots of N tokens: [references | ring + current].

    keys, values: (L, lanes, H, S·N, D); keys of the ring before RoPE, those of references after it.
    cursor: (lanes,) slot among ring + 1 that the current frame is written to.
    filled: (lanes,) past frames held, 0..ring.
    pinned: (lanes,) reference slots in use.
    scale: (L, 2, lanes, H) factors of keys and values held as float8 (e4m3), else None. float8 takes a quarter of the
        memory of float32 and changes the output of attention by some hundredths.

    Everything is changed in place and by operations on the device alone, so that a CUDA graph may record it; nothing is
    reallocated, rolled or concatenated, and the host never waits for the device. A `lane` argument is (B,) int64 on the
    device; None means all lanes, in order.
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
        """Lanes of the cache."""
        return len(self._all)

    def layer(self, index: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys, values (lanes, H, S·N, D) and scale (2, lanes, H) of a layer; views."""
        return self.keys[index], self.values[index], None if self.scale is None else self.scale[index]

    def ring(self, lane: Tensor | None = None) -> RingState:
        """The ring's state in these lanes; a view, which follows every later change."""
        return RingState(self._all if lane is None else lane, self.cursor, self.filled, self.pinned)

    def pin(self, lane: Tensor | None, keys: Tensor, values: Tensor) -> None:
        """Copy the K/V of P references, (L, B or 1, H, P·N, D), into these lanes; P is at most `references`.

        Past frames stay, except in float8, where the references decide the scale and the lanes are reset. Raises
        ValueError for a length that does not fit.
        """
        lane = self._all if lane is None else lane
        length = keys.shape[3]
        pinned, remainder = divmod(length, self.config.tokens)
        if remainder or pinned > self.config.references:
            raise ValueError(f"{length} tokens do not fill up to {self.config.references}×{self.config.tokens} slots")
        for part, (held, new) in enumerate(((self.keys, keys), (self.values, values))):
            rows, scale = new.expand(-1, len(lane), -1, -1, -1), None
            if self.scale is not None:
                scale = rows.float().abs().amax((3, 4)).clamp_min(1e-6) * (FP8_HEADROOM / FLOAT8_MAX)  # (L, B, H)
                self.scale[:, part].index_copy_(1, lane, scale)
            byte_view(held)[:, :, :, :length].index_copy_(1, lane, byte_view(quantise(rows, held.dtype, scale)))
        if self.scale is not None:
            self.reset(lane)
        self.pinned.index_fill_(0, lane, pinned)

    def advance(self, lane: Tensor | None = None) -> None:
        """Make the current frame the newest past one. A lane that is given twice advances once."""
        lane = self._all if lane is None else lane
        self.cursor.index_copy_(0, lane, (self.cursor[lane] + 1) % (self.config.ring + 1))
        self.filled.index_copy_(0, lane, (self.filled[lane] + 1).clamp_max(self.config.ring))

    def reset(self, lane: Tensor | None = None) -> None:
        """Drop the past frames; the references stay pinned."""
        lane = self._all if lane is None else lane
        self.cursor.index_fill_(0, lane, 0)
        self.filled.index_fill_(0, lane, 0)
