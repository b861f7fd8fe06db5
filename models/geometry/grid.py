"""Coordinates of small maps on the canvas and on boxes of it."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F


@cache
def unit_grid(size: int, device: torch.device) -> Tensor:
    """(1, size, size, 2) centres of the cells of [-1, 1]²."""
    line = (torch.arange(size, device=device, dtype=torch.float32) * 2 + 1) / size - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1)[None]


def box_grid(focus: Tensor, size: int) -> Tensor:
    """(B, size, size, 2) canvas coordinates of the cells of the boxes (B, 3)."""
    return focus[:, None, None, :2] + focus[:, None, None, 2:] * unit_grid(size, focus.device)


def to_box(points: Tensor, box: Tensor) -> Tensor:
    """Canvas points (B, N, 2 or 3) in the units of the boxes (B, 3), −1..1 inside; depths stay."""
    return torch.cat([(points[..., :2] - box[:, None, :2]) / box[:, None, 2:], points[..., 2:]], -1)


def crop(maps: Tensor, focus: Tensor, size: int) -> Tensor:
    """What (B, C, H, W) canvas maps show inside the focus boxes (B, 3), as (B, C, size, size); the border is
    repeated.
    """
    return F.grid_sample(maps, box_grid(focus, size), "bilinear", "border", False)


def smoothstep(low: float, high: float, x: Tensor) -> Tensor:
    """0 below low, 1 above high, smooth between."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)
