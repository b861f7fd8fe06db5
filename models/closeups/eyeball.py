"""The whole eyeball behind the lids, completed from as much of it as a picture shows.

A ball is alike all around: what lids hide has the colour of what is seen equally far from the pupil. Far from it, it is
white, as the white of this eye is where no lashes shade it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.constants import const_floats
from models.geometry.grid import smoothstep, unit_grid

RINGS = tuple(k / 8 for k in range(11))  # radii of the profile, in those of the iris; beyond the last all is white
WHITE = (1.05, 1.25)  # radii between which the lighter begins to count more: there are lashes' shadows, and corners
LIGHTER = 25.0  # how much more: as the exponential of this times the lightness
FADE = 16.0  # rings ask others as the exponential of minus this times their distance
ENOUGH = (0.015, 0.045)  # share of the window that an opening must have to tell something, and all, about its ball


def eyeball(picture: Tensor, opening: Tensor, pupil: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """Eyes in pictures (B, 3, n, n) 0..1, the coverage (B, 1, n, n) 0..1 of their openings, pupils (B, 2) and radii of
    irises (B,), window units → whole eyeballs (B, 3, n, n), and how far they are known (B,) 0..1.
    """
    away = (unit_grid(picture.shape[-1], picture.device) - pupil[:, None, None]).norm(dim=-1) / radius[:, None, None]
    rings = const_floats(RINGS, picture.device)
    on = (1 - (away.clamp_max(RINGS[-1])[:, None] - rings[:, None, None]).abs() / RINGS[1]).clamp_min(0)
    seen, light = clear(opening), picture.mean(1, keepdim=True)
    vote = on * seen * (LIGHTER * smoothstep(*WHITE, away)[:, None] * light).exp()  # (B, K, n, n), between two rings
    means = vote.flatten(2) @ picture.flatten(2).mT / vote.sum((2, 3)).clamp_min(1e-6)[..., None]
    share = (-FADE * (rings[:, None] - rings).abs()).exp() * (on * seen).sum((2, 3))[:, None]  # of one ring in another
    profile = share @ means / share.sum(-1, keepdim=True).clamp_min(1e-9)  # (B, K, 3)
    whole = torch.einsum("bkhw,bkc->bchw", on, profile)
    return torch.lerp(whole, picture, seen), smoothstep(*ENOUGH, opening.mean((1, 2, 3)))


def clear(opening: Tensor) -> Tensor:
    """An opening (B, 1, n, n) without its border, which shows lashes."""
    return -F.max_pool2d(-opening, 3, 1, 1)
