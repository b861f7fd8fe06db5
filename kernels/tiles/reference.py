"""`draw_tiles` in torch: the specification, and the backend for training and export."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.sampling import canvas_grid, resize_map

IMAGES = 3  # that the pieces are drawn into
MIN_COVERED = 0.999  # interpolated coverage from which all cells count as covered; rounding keeps it from exactly 1


def draw_tiles(tiles: Tensor, maps: Tensor, boxes: Tensor, order: Tensor, slot: Tensor, size: int) -> Tensor:
    """See `kernels.tiles.draw_tiles`."""
    pictures = torch.arange(len(order), device=order.device)
    images = tiles.new_zeros(len(order), IMAGES, 4, size, size)
    numbers = torch.arange(IMAGES, device=order.device)
    for piece in order.unbind(1):
        drawn = draw_piece(tiles[pictures, piece], maps[pictures, piece], boxes[pictures, piece], size).unsqueeze(1)
        is_chosen = (slot[pictures, piece, None] == numbers)[..., None, None, None]
        images = torch.where(is_chosen, drawn + (1 - drawn[:, :, 3:]) * images, images)
    return images


def draw_piece(tile: Tensor, piece_map: Tensor, box: Tensor, size: int) -> Tensor:
    """One piece of each picture alone: (B, 4, size, size). tile: (B, 4, T, T); piece_map: (B, 3, M, M); box: (B, 3)."""
    in_box = (canvas_grid(box, size).abs().amax(-1) < 1).unsqueeze(1)
    position, covered = resize_map(piece_map, size, box).split([2, 1], 1)
    drawn = F.grid_sample(tile, position.permute(0, 2, 3, 1), "bilinear", "zeros", False)
    return torch.where(in_box & (covered >= MIN_COVERED), drawn, 0)
