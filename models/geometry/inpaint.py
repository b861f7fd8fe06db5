"""Filling unknown pixels from known ones by a pull-push pyramid (Gortler et al.: The Lumigraph, 1996, §3.4)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def pull_push(values: Tensor, weight: Tensor) -> Tensor:
    """Values (B, C, H, W), filled smoothly where their weight (B, 1, H, W), 0..1, is below 1.

    Where the weight is 1 they stay exactly; where all of it is 0 the result is 0.
    """
    height, width = values.shape[-2:]
    if max(height, width) <= 1:
        return torch.where(weight > 0, values, torch.zeros_like(values))
    coarse_weight = F.avg_pool2d(weight, 2, ceil_mode=True)
    coarse = F.avg_pool2d(values * weight, 2, ceil_mode=True) / coarse_weight.clamp_min(1e-6)
    # A cell with a quarter of its area known counts as known, so that weights do not thin out towards coarse levels.
    coarse = pull_push(coarse, (coarse_weight * 4).clamp_max(1))
    filled = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    return torch.where(weight >= 1, values, values * weight + filled * (1 - weight))


def dilate(mask: Tensor, radius: int) -> Tensor:
    """A mask (B, 1, H, W) dilated by a square that reaches `radius` pixels to each side."""
    for _ in range(radius):  # small separable windows: far cheaper than one large window
        mask = F.max_pool2d(F.max_pool2d(mask, (3, 1), 1, (1, 0)), (1, 3), 1, (0, 1))
    return mask


def opened(mask: Tensor, radius: int) -> Tensor:
    """A mask (B, 1, H, W), bool, without what is thinner than two radii, pixels."""
    narrower = dilate(1 - mask.to(torch.float32), radius)
    return mask & (dilate(1 - narrower, radius) > 0.5)


def grown_within(mask: Tensor, area: Tensor, most: int) -> Tensor:
    """A mask (B, 1, H, W), grown within an area (B, 1, H, W), 0 or 1 both, to what is joined to it, at most so many
    pixels away.
    """
    for _ in range(most):
        grown = dilate(mask, 1) * area
        if torch.equal(grown, mask):
            break
        mask = grown
    return mask


def blur(image: Tensor, radius: int) -> Tensor:
    """(B, C, H, W) after two box blurs with the border repeated: close to a Gaussian of about `radius` pixels."""
    if radius < 1:
        return image
    for _ in range(2):
        image = F.avg_pool2d(F.pad(image, (radius, radius, 0, 0), "replicate"), (1, 2 * radius + 1), 1)
        image = F.avg_pool2d(F.pad(image, (0, 0, radius, radius), "replicate"), (2 * radius + 1, 1), 1)
    return image
