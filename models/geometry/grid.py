"""Coordinates of the cells of small maps, on the canvas and on boxes of it.

Canvas units run from −1 to 1 across the canvas, box units from −1 to 1 across a box. A box (B, 3) is its centre x, y
and its half side, in canvas units.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F


@cache
def unit_grid(size: int, device: torch.device) -> Tensor:
    """(1, size, size, 2) x and y of the centres of size × size cells, in −1..1."""
    line = (torch.arange(size, device=device, dtype=torch.float32) * 2 + 1) / size - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1)[None]


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def unit_planes(size: int, device: torch.device) -> Tensor:
    """`unit_grid` as maps: (1, 2, size, size)."""
    return unit_grid(size, device).permute(0, 3, 1, 2).contiguous()


def canvas_box(boxes: Tensor) -> Tensor:
    """The whole canvas as a box for each of boxes (B, 3)."""
    canvas = torch.zeros_like(boxes)
    canvas[:, 2] = 1
    return canvas


def box_grid(box: Tensor, size: int) -> Tensor:
    """(B, size, size, 2) canvas coordinates of the cells of boxes (B, 3)."""
    return box[:, None, None, :2] + box[:, None, None, 2:] * unit_grid(size, box.device)


def box_planes(box: Tensor, size: int) -> Tensor:
    """`box_grid` as maps: (B, 2, size, size)."""
    return box[:, :2, None, None] + box[:, 2:, None, None] * unit_planes(size, box.device)


def sample_planes(maps: Tensor, place: Tensor) -> Tensor:
    """Maps (B, C, H, W) at places (B, 2, h, w), −1..1 over them, bilinear, with the border repeated: (B, C, h, w)."""
    return F.grid_sample(maps, place.permute(0, 2, 3, 1), "bilinear", "border", False)


def to_box(points: Tensor, box: Tensor) -> Tensor:
    """Canvas points (B, N, 2 or 3) in the units of boxes (B, 3); z stays in canvas units."""
    return torch.cat([(points[..., :2] - box[:, None, :2]) / box[:, None, 2:], points[..., 2:]], -1)


def crop(maps: Tensor, box: Tensor, size: int) -> Tensor:
    """Crops (B, C, size, size) of canvas maps (B, C, H, W) at boxes (B, 3), bilinear, with the border repeated."""
    return F.grid_sample(maps, box_grid(box, size), "bilinear", "border", False)


def from_box(maps: Tensor, box: Tensor, size: int) -> Tensor:
    """Maps (B, C, H, W) of boxes (B, 3) on the canvas: (B, C, size, size), 0 beyond the boxes."""
    places = to_box(unit_grid(size, box.device).flatten(1, 2).expand(len(box), -1, -1), box)
    return F.grid_sample(maps, places.view(-1, size, size, 2), "bilinear", "zeros", False)


def area_ratio(flow: Tensor, box: Tensor) -> Tensor:
    """Area in the picture over area in the frame, (B, 1, G, G), by a backward flow (B, 2, G, G) on boxes (B, 3).

    The determinant of the flow's Jacobian: 1 unmoved, near 0 where the picture is stretched, negative where it folds.
    """
    cell = 2 * box[:, 2, None, None] / flow.shape[-1]
    padded = F.pad(flow, (1, 1, 1, 1), "replicate")
    by_x = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / (2 * cell[:, None])
    by_y = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / (2 * cell[:, None])
    return ((1 + by_x[:, 0]) * (1 + by_y[:, 1]) - by_x[:, 1] * by_y[:, 0]).unsqueeze(1)


def ease_beyond(value: Tensor, knee: Tensor | float, band: Tensor | float) -> Tensor:
    """Values that are unchanged up to a knee, and from there on grow by less than `band`, by tanh."""
    return torch.where(value > knee, knee + band * ((value - knee) / band).tanh(), value)


def smoothstep(low: float, high: float, x: Tensor) -> Tensor:
    """0 below low, 1 above high, and 3t² − 2t³ between."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)
