"""Small layers that the transformer and the close-ups share."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from kernels.attention import head_norm
from models.geometry.constants import const_floats

KEEP_BIAS = 2.5  # logit of `keep` before training: ≈ 0.92 of the warped picture stays


def conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """3×3 convolution, GroupNorm of 8 groups, SiLU; the side is divided by `stride`."""
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 3, stride, 1), nn.GroupNorm(8, out_channels), nn.SiLU())


class HeadNorm(nn.Module):
    """RMS norm over the head width with a learned weight: `kernels.attention.head_norm`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return head_norm(x, self.weight)


def sinusoids(x: Tensor, bands: int) -> Tensor:
    """(B, K, ...) -> (B, 2·K·bands, ...): sin and cos at octaves π/2, π, 2π … (Mildenhall et al. 2020)."""
    octaves = const_floats(tuple(math.pi / 2 * 2**band for band in range(bands)), x.device).to(x.dtype)
    angles = (x[:, :, None] * octaves.view(1, 1, -1, *[1] * (x.dim() - 2))).flatten(1, 2)
    return torch.cat([angles.sin(), angles.cos()], 1)
