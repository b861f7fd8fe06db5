"""From planes of 0..1 to bytes that lie pixel by pixel, as encoders and cameras want them."""

from __future__ import annotations

from importlib import import_module

from torch import Tensor

from kernels.backend import choose


def to_bytes(planes: Tensor, backend: str = "auto") -> Tensor:
    """(B, C, H, W) float → (B, H, W, C) uint8, rounded; what lies beyond 0..1 is clamped. backend: see
    `kernels.backend`.
    """
    if choose(backend, planes, twins=("numba",)) == "numba":
        return import_module("kernels.pixels_numba").to_bytes(planes)
    return planes.mul(255).add_(0.5).clamp_(0, 255).byte().permute(0, 2, 3, 1).contiguous()
