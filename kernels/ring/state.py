"""The state of a batch's streams in the KV cache."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class RingState:
    """The lanes of B batch entries and the state of every lane; all int64, on the cache's device.

    lane: (B,) row of the cache that each entry uses. cursor: (lanes,) slot among W + 1 that the current frame writes.
    filled: (lanes,) past frames in the ring, 0..W. pinned: (lanes,) reference slots in use, 0..R.
    """

    lane: Tensor
    cursor: Tensor
    filled: Tensor
    pinned: Tensor

    def slots(self, references: int, ring: int) -> tuple[Tensor, Tensor]:
        """(B, S) position of each slot (0 = current or reference, negative = past), and whether it is occupied.

        references, ring: R and W, the sizes of the cache.
        """
        lane = self.lane[:, None]  # (B, 1)
        age = (self.cursor[lane] - torch.arange(ring + 1, device=lane.device)) % (ring + 1)  # (B, W + 1)
        is_pinned = torch.arange(references, device=lane.device) < self.pinned[lane]  # (B, R)
        position = torch.cat([torch.zeros_like(is_pinned, dtype=torch.float32), -age.float()], 1)
        return position, torch.cat([is_pinned, age <= self.filled[lane]], 1)
