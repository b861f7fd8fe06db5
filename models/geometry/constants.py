"""Python constants as tensors, copied to each device once.

A copy from the host synchronises host and device, and a CUDA graph cannot record one. Everything that runs once a frame
takes its constants from here. The returned tensors are cached and shared: do not write into them.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

Floats = tuple[float, ...] | tuple[tuple[float, ...], ...]


@cache
def const_floats(values: Floats, device: torch.device) -> Tensor:
    """A float32 tensor in the shape of the nested values."""
    with torch.inference_mode(False):  # cached in an inference frame, the tensor must also be usable in training
        return torch.tensor(values, dtype=torch.float32, device=device)


@cache
def const_index(numbers: tuple[int, ...], device: torch.device) -> Tensor:
    """A long tensor (N,), to be used as an index."""
    with torch.inference_mode(False):
        return torch.tensor(numbers, dtype=torch.long, device=device)


def gather_rows(rows: Tensor, numbers: tuple[int, ...]) -> Tensor:
    """The rows with these numbers of a tensor (B, N, ...): (B, len(numbers), ...)."""
    return rows.index_select(1, const_index(numbers, rows.device))


def scatter_rows(rows: Tensor, numbers: tuple[int, ...], new: Tensor) -> Tensor:
    """A copy of (B, N, ...) in which the rows with these numbers are replaced by new (B, len(numbers), ...)."""
    return rows.index_copy(1, const_index(numbers, rows.device), new)
