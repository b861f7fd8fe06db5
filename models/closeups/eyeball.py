"""The eyeball behind the lids, completed from the part of it that a picture shows.

An eyeball is rotationally symmetric about its pupil: a hidden pixel gets the mean colour of visible pixels at the same
distance from the pupil. Far from the pupil all is white, as the sclera of this eye is where no lashes shade it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.geometry.constants import const_floats
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.openings import erode

RING_RADII = tuple(k / 8 for k in range(11))  # of the colour profile, iris radii; beyond the last one all is white
SCLERA_RADII = (1.05, 1.25)  # iris radii: between them lighter pixels begin to count more than lashes' shadows
LIGHTNESS_WEIGHT = 25.0  # a pixel of the sclera counts with the exponential of this times its lightness 0..1
RING_FALLOFF = 16.0  # 1 / iris radii: rings borrow from others with the exponential of minus this times their distance
TRUSTED_OPENING = (
    0.015,
    0.045,
)  # share of the window: smaller openings show too little of an eyeball, larger ones enough


def complete_eyeball(picture: Tensor, opening: Tensor, pupil: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """Complete the eyeballs of B eyes, and rate how far each is known.

    picture (B, 3, n, n) 0..1; opening (B, 1, n, n) coverage 0..1; pupil (B, 2) and radius (B,) of the iris, window
    units. Returns eyeballs (B, 3, n, n) 0..1 and confidence (B,) 0..1.
    """
    distance = (unit_grid(picture.shape[-1], picture.device) - pupil[:, None, None]).norm(dim=-1)
    distance = distance / radius[:, None, None]  # (B, n, n) iris radii
    rings = const_floats(RING_RADII, picture.device)  # (K,)
    on_ring = (distance.clamp_max(RING_RADII[-1])[:, None] - rings[:, None, None]).abs() / RING_RADII[1]
    on_ring = (1 - on_ring).clamp_min(0)  # (B, K, n, n): a pixel belongs to the two rings around it
    visible, lightness = erode(opening), picture.mean(1, keepdim=True)
    weight = on_ring * visible * (LIGHTNESS_WEIGHT * smoothstep(*SCLERA_RADII, distance)[:, None] * lightness).exp()
    means = weight.flatten(2) @ picture.flatten(2).mT / weight.sum((2, 3)).clamp_min(1e-6)[..., None]  # (B, K, 3)
    mix = (-RING_FALLOFF * (rings[:, None] - rings).abs()).exp() * (on_ring * visible).sum((2, 3))[:, None]  # (B, K, K)
    profile = mix @ means / mix.sum(-1, keepdim=True).clamp_min(1e-9)  # (B, K, 3)
    eyeball = torch.einsum("bkhw,bkc->bchw", on_ring, profile)
    return torch.lerp(eyeball, picture, visible), smoothstep(*TRUSTED_OPENING, opening.mean((1, 2, 3)))
