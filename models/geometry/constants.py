"""Python numbers as tensors, copied to each device once.

A copy from the host makes host and device wait for each other, and a CUDA graph cannot record one: whatever runs for
every frame asks here. Nobody may write into what is returned.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

Floats = tuple[float, ...] | tuple[tuple[float, ...], ...]


@cache
def floats(values: Floats, device: torch.device) -> Tensor:
    """float32, in the shape of the nested values."""
    with torch.inference_mode(False):  # made in a frame, it must also serve a training step
        return torch.tensor(values, dtype=torch.float32, device=device)


@cache
def places(numbers: tuple[int, ...], device: torch.device) -> Tensor:
    """(N,) long, to be used as an index."""
    with torch.inference_mode(False):
        return torch.tensor(numbers, dtype=torch.long, device=device)


def take(rows: Tensor, numbers: tuple[int, ...]) -> Tensor:
    """The rows (B, N, ...) of these numbers: (B, len(numbers), ...)."""
    return rows.index_select(1, places(numbers, rows.device))


def put(rows: Tensor, numbers: tuple[int, ...], new: Tensor) -> Tensor:
    """Rows (B, N, ...) with those of these numbers replaced by new (B, len(numbers), ...); a copy."""
    return rows.index_copy(1, places(numbers, rows.device), new)
