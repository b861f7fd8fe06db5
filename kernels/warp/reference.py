"""`warp_composite` in torch: the specification, and the backend for training and export."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.sampling import canvas_grid, resize_map
from kernels.warp.maps import BOX_FADE, CANVAS_BORDER, MIN_ALPHA, TRIM_GAIN, Maps


def warp_composite(
    layer: Tensor,
    maps: Maps,
    background: Tensor,
    canvas_flow: Tensor | None,
    box: Tensor | None,
    trim: bool,
    front_layer: Tensor | None = None,
    chart: Tensor | None = None,
    middle: Tensor | None = None,
) -> Tensor:
    """See `kernels.warp.warp_composite`."""
    size = background.shape[-1]
    flow, keep, paint = (resize_map(part, size, box) for part in maps[:3])
    paint = (1 - keep) * paint
    if maps.missing is not None and maps.dark is not None:
        hidden = keep * resize_map(maps.missing, size, box)
        keep, paint = keep - hidden, paint + hidden * maps.dark[:, :, None, None]
    factor = None if maps.odds is None else resize_map(maps.odds, size, box)
    front_flow = None if maps.front_flow is None else resize_map(maps.front_flow, size, box)
    if box is not None and canvas_flow is not None:
        inside, outer_flow = box_mask(box, size), resize_map(canvas_flow, size)
        flow = torch.lerp(outer_flow, flow, inside)
        front_flow = None if front_flow is None else torch.lerp(outer_flow, front_flow, inside)
        keep, paint = 1 - (1 - keep) * inside, paint * inside
        factor = None if factor is None else 1 + (factor - 1) * inside
    moved = warp(layer, flow)
    if middle is not None:
        moved = middle + (1 - middle[:, 3:]) * moved
    if front_flow is not None and maps.front_coverage is not None:
        front = warp(layer if front_layer is None else front_layer, front_flow)
        if chart is not None and maps.chart_position is not None and maps.chart_share is not None:
            drawn = sample_chart(chart, resize_map(maps.chart_position, size, box))
            front = torch.lerp(front, drawn, resize_map(maps.chart_share, size, box))
        moved = torch.lerp(moved, front, sharpen_coverage(maps.front_coverage, size, box))
    colour, alpha = moved[:, :3], moved[:, 3:].clamp(0, 1)
    if trim:
        colour = colour * (alpha * TRIM_GAIN).clamp_max(1)
    if factor is not None:
        clamped = alpha.clamp(MIN_ALPHA, 1 - MIN_ALPHA)
        edited = clamped * factor / (clamped * factor + 1 - clamped)
        colour = colour * (edited / clamped).clamp_max(1) + (edited - clamped).clamp_min(0) * background
        alpha = (alpha + edited - clamped).clamp(0, 1)
    colour = keep * colour + paint * alpha
    return torch.cat([colour + (1 - alpha) * background, alpha], 1).clamp(0, 1)


def warp(layer: Tensor, flow: Tensor) -> Tensor:
    """Sample a doubled layer (B, C, 2S−1, 2S−1) at y + flow (B, 2, S, S): (B, C, S, S). Zero flow returns the even
    samples.
    """
    size = flow.shape[-1]
    line = torch.arange(size, device=flow.device, dtype=flow.dtype) * (2 / max(size - 1, 1)) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    grid = torch.stack([x + flow[:, 0] * (size / (size - 1)), y + flow[:, 1] * (size / (size - 1))], -1)
    return F.grid_sample(layer, grid, "bilinear", "border", True)


def sample_chart(chart: Tensor, position: Tensor) -> Tensor:
    """Sample a chart (B, 4, C, C) at positions (B, 2, S, S), x and y in −1..1, its border repeated: (B, 4, S, S)."""
    return F.grid_sample(chart, position.permute(0, 2, 3, 1), "bilinear", "border", False)


def sharpen_coverage(coverage: Tensor, size: int, box: Tensor | None = None) -> Tensor:
    """Coverage of each pixel of the canvas (B, 1, size, size), 0..1, from the coverage of cells (B, 1, h, w) of boxes
    (B, 3), or of the canvas: resized, with the ramp across an outline steepened from a cell's width to a pixel's.
    """
    half = coverage.new_ones(1, 1, 1, 1) if box is None else box[:, 2:, None, None]
    pixels_per_cell = (size / coverage.shape[-1] * half).clamp_min(1)
    return ((resize_map(coverage, size, box) - 0.5) * pixels_per_cell + 0.5).clamp(0, 1)


def box_mask(box: Tensor, size: int) -> Tensor:
    """(B, 1, size, size): 1 inside the boxes (B, 3), falling smoothly to 0 at borders that are not the canvas's own."""
    position = canvas_grid(box, size)
    low, high = (box[:, None, None, :2] + sign * box[:, None, None, 2:] for sign in (-1, 1))
    low_side = torch.where(low > -CANVAS_BORDER, -position, -1)
    high_side = torch.where(high < CANVAS_BORDER, position, -1)
    nearest = torch.maximum(low_side, high_side).amax(-1)  # 1 at the nearest border that counts
    t = ((1 - nearest) / BOX_FADE).clamp(0, 1)
    return (t * t * (3 - 2 * t)).unsqueeze(1)
