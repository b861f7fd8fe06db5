"""The numbers of a KV cache: conversion to and from its dtype, which may be float8 with a scale."""

from __future__ import annotations

import torch
from torch import Tensor

FLOAT8 = torch.float8_e4m3fn
FLOAT8_MAX = 448.0  # the largest number in float8 e4m3


def quantise(new: Tensor, dtype: torch.dtype, scale: Tensor | None = None) -> Tensor:
    """Keys or values (..., H, M, D) in the cache's dtype. scale: (..., H) for float8, clamped to its range."""
    if scale is None:
        return new.to(dtype)
    return (new.float() / scale[..., None, None]).clamp(-FLOAT8_MAX, FLOAT8_MAX).to(dtype)


def dequantise(buffer: Tensor, scale: Tensor | None, lane: Tensor) -> Tensor:
    """Rows `lane` (B,) of a cache's keys or values (lanes, H, M, D): (B, H, M, D). scale: (lanes, H) for float8, which
    is returned as float32; other dtypes are returned as they are.
    """
    if scale is None:
        return buffer[lane]
    return byte_view(buffer)[lane].view(FLOAT8).float() * scale[lane, :, None, None]


def byte_view(buffer: Tensor) -> Tensor:
    """A view that torch can index: float8 as bytes, since torch cannot index float8, and other dtypes unchanged."""
    return buffer.view(torch.uint8) if buffer.dtype == FLOAT8 else buffer
