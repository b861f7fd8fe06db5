"""`to_bytes` on a CPU, compiled by numba."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kernels.compile import compile_cached


def to_bytes(planes: Tensor) -> Tensor:
    """See `kernels.pixels.to_bytes`."""
    batch, channels, height, width = planes.shape
    out = torch.empty(batch, height, width, channels, dtype=torch.uint8)
    for i in range(batch):
        interleave(planes[i].numpy(), out[i].numpy())
    return out


@compile_cached()
def interleave(planes, out):  # type: ignore[no-untyped-def]
    """One picture (C, H, W) float → (H, W, C) uint8."""
    row = np.empty(planes.shape[2], np.uint8)
    for y in range(planes.shape[1]):
        for c in range(planes.shape[0]):
            for x in range(planes.shape[2]):
                value = planes[c, y, x] * np.float32(255) + np.float32(0.5)
                row[x] = np.uint8(np.int32(min(max(value, np.float32(0)), np.float32(255))))
            for x in range(planes.shape[2]):
                out[y, x, c] = row[x]
