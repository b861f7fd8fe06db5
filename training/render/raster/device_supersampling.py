"""Supersampled hits averaged into pixels: labels and mattes of many pictures at once, on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from training.render.raster.device_raster import Hits

LABEL_COUNT = 16  # labels are 0..15


def labels(hits: Hits, label: Tensor, character: Tensor, scale: int) -> Tensor:
    """Majority label (P, h, w) uint8 of each pixel, 0 = background; label (C, F) of each triangle."""
    return majority_label(sample_labels(hits, label, character), scale)


def sample_labels(hits: Hits, label: Tensor, character: Tensor) -> Tensor:
    """Label (P, H, W) uint8 of each sample, 0 = background."""
    face = hits.triangle + (character * label.shape[1])[:, None, None]
    shown = label.flatten()[face.clamp_min(0)]
    return torch.where(hits.triangle >= 0, shown, 0)


def pixel_blocks(samples: Tensor, scale: int) -> Tensor:
    """Samples (P, H, W) grouped by pixel: (P, h, w, scale²)."""
    pictures, side = samples.shape[:2]
    size = side // scale
    blocks = samples.view(pictures, size, scale, size, scale).transpose(2, 3)
    return blocks.reshape(pictures, size, size, scale * scale)


def majority_label(samples: Tensor, scale: int) -> Tensor:
    """Most frequent label of each pixel, the lowest of equally frequent ones: (P, H, W) → (P, h, w) uint8."""
    block = pixel_blocks(samples, scale)
    rank = (LABEL_COUNT - 1 - block.short()) + LABEL_COUNT * (block[..., None] == block[..., None, :]).sum(
        -1, dtype=torch.int16
    )
    return (LABEL_COUNT - 1 - rank.amax(-1) % LABEL_COUNT).to(torch.uint8)


def coverage(hits: Hits, scale: int) -> Tensor:
    """Matte (P, h, w) 0..1: the share of each pixel that the mesh covers."""
    return pixel_blocks(hits.triangle >= 0, scale).float().mean(-1)
