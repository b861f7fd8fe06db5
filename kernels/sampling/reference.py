"""Bilinear sampling in torch: the specification of the numba and Triton functions beside it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def resize_map(maps: Tensor, size: int, box: Tensor | None = None) -> Tensor:
    """Sample maps (B, C, h, w) at the pixels of the canvas: (B, C, size, size), bilinear.

    The maps cover the boxes (B, 3), centre x, y and half side in canvas units, or without a box the whole canvas.
    Outside of a box the values at its border are repeated.
    """
    if box is None:
        return F.interpolate(maps, (size, size), mode="bilinear", align_corners=False)
    return F.grid_sample(maps, canvas_grid(box, size), "bilinear", "border", False)


def canvas_grid(box: Tensor, size: int) -> Tensor:
    """Pixel centres of the canvas in coordinates of the boxes (B, 3): (B, size, size, 2) x, y, within −1..1 inside."""
    line = (torch.arange(size, device=box.device, dtype=box.dtype) * 2 + 1) / size - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return (torch.stack([x, y], -1) - box[:, None, None, :2]) / box[:, None, None, 2:]
