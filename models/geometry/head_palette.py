"""The main colours of a head's hair and skin, read off a picture of it.

One mean colour cannot tell blond hair from skin, and takes the dark locks of brown hair for something else. Each of the
two therefore has a few colours.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.topology import MESH, HeadTransform, topology

# Where hair and skin are looked for, canonical units.
CHEEK_ROWS, CHEEK_REACH = (0.15, 0.5), 0.6
CROWN_ROWS, CROWN_REACH, CROWN_DEPTH, CROWN_POINTS = (-1.05, -0.75), 0.4, 0.2, (6, 10)
COLOURS, ROUNDS = 3, 6  # of hair and of skin each in a palette; rounds of Lloyd's algorithm
LEAST_SHARE = 1e-3  # of the texels: a colour with fewer stays where it was


class Palette(NamedTuple):
    """Colours of B heads, RGB 0..1. hair, skin: (B, K, 3)."""

    hair: Tensor
    skin: Tensor


def picture_palette(person: Tensor, face: Tensor, head: HeadTransform) -> Palette:
    """The palettes of heads with landmarks (B, 478, 3), canvas units, in pictures (B, 4, S, S), premultiplied RGB and
    alpha, 0..1.
    """
    x, y, _ = topology(face.device).canonical[:MESH].unbind(-1)
    cheeks = (y > CHEEK_ROWS[0]) & (y < CHEEK_ROWS[1]) & (x.abs() < CHEEK_REACH)
    rows, columns = (
        torch.linspace(*span, count, device=face.device)
        for span, count in zip((CROWN_ROWS, (-CROWN_REACH, CROWN_REACH)), CROWN_POINTS, strict=True)
    )
    height, across = torch.meshgrid(rows, columns, indexing="ij")
    crown = torch.stack([across, height, torch.full_like(across, CROWN_DEPTH)], -1).view(1, -1, 3)
    places = head.apply(crown.expand(len(face), -1, -1)), face[:, :MESH][:, cheeks]
    palette = []
    for place in places:
        colour, alpha = F.grid_sample(person, place[:, None, :, :2], "bilinear", "zeros", False)[:, :, 0].mT.split(
            [3, 1], -1
        )
        palette.append(main_colours(colour / alpha.clamp_min(1e-3), alpha, COLOURS)[0])
    return Palette(*palette)


def main_colours(colour: Tensor, weight: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The colours (B, count, 3) around which N others (B, N, 3) lie, by Lloyd's algorithm from dark to bright, and the
    share (B, count) of each.

    weight: (B, N, 1), by which each counts.
    """
    weight = weight / weight.sum(1, keepdim=True).clamp_min(1e-6)
    mean = (colour * weight).sum(1)
    deviation = ((colour - mean[:, None]).square() * weight).sum(1).sqrt()
    steps = torch.linspace(-1, 1, count, device=colour.device, dtype=colour.dtype)
    centres = mean[:, None] + steps[:, None] * deviation[:, None]
    for _ in range(ROUNDS):
        nearest = torch.cdist(colour, centres).argmin(-1, keepdim=True)  # (B, N, 1)
        member = weight * (nearest == torch.arange(count, device=colour.device))  # (B, N, K)
        share = member.sum(1)
        moved = (member.mT @ colour) / share[..., None].clamp_min(LEAST_SHARE)
        centres = torch.where(share[..., None] > LEAST_SHARE, moved, centres)
    return centres, share
