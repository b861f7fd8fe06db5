"""Filling what is not known from what is, by a pull-push pyramid (Gortler et al. 1996, "The Lumigraph", §3.4)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def pull_push(values: Tensor, weight: Tensor) -> Tensor:
    """Extend values (B, C, H, W) smoothly to where weight (B, 1, H, W), 0..1, is small; where it is 1 they stay
    exactly.

    Where the whole weight is zero the result is zero.
    """
    height, width = values.shape[-2:]
    if min(height, width) <= 1:
        return torch.where(weight > 0, values, torch.zeros_like(values))
    coarse_weight = F.avg_pool2d(weight, 2, ceil_mode=True)
    coarse = F.avg_pool2d(values * weight, 2, ceil_mode=True) / coarse_weight.clamp_min(1e-6)
    # A cell that saw a quarter of its area is as good as full: the coarser levels must not thin it out any further.
    coarse = pull_push(coarse, (coarse_weight * 4).clamp_max(1))
    filled = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    return torch.where(weight >= 1, values, values * weight + filled * (1 - weight))


def dilate(mask: Tensor, radius: int) -> Tensor:
    """Grow a (B, 1, H, W) mask by a square of `radius` pixels."""
    for _ in range(radius):  # small windows, separable: far cheaper than one large one
        mask = F.max_pool2d(F.max_pool2d(mask, (3, 1), 1, (1, 0)), (1, 3), 1, (0, 1))
    return mask


def blur(image: Tensor, radius: int) -> Tensor:
    """Two box blurs of (B, C, H, W) with the border repeated: close to a Gaussian of about `radius` pixels."""
    if radius < 1:
        return image
    for _ in range(2):
        image = F.avg_pool2d(F.pad(image, (radius, radius, 0, 0), "replicate"), (1, 2 * radius + 1), 1)
        image = F.avg_pool2d(F.pad(image, (0, 0, radius, radius), "replicate"), (2 * radius + 1, 1), 1)
    return image
