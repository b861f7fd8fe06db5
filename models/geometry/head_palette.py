"""The colours of a head's hair and skin, read off its chart, and how much a texel looks like hair.

One mean colour cannot tell blond hair from skin, and takes the dark locks of brown hair for something else. Each of the
two therefore has a few colours, and a texel is what it is nearer to.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.grid import smoothstep, unit_grid
from models.geometry.topology import MESH, HeadTransform, topology

CROWN_LOW, CROWN_HIGH, CROWN_HALF_WIDTH = -0.5, -0.83, 0.45  # of the chart, above the forehead
CHEEK_HEIGHT, CHEEK_HALF_WIDTH = 0.1, 0.3  # of the chart: cheeks and nose, where there are no lips, brows or lids
# The same places in a picture: canonical units.
CHEEK_ROWS, CHEEK_REACH = (0.15, 0.5), 0.6
CROWN_ROWS, CROWN_REACH, CROWN_DEPTH, CROWN_POINTS = (-1.05, -0.75), 0.4, 0.2, (6, 10)
COLOURS, ROUNDS = 3, 6  # of hair and of skin each; rounds of Lloyd's algorithm
LEAST_SHARE = 1e-3  # of the texels: a colour with fewer stays where it was
NOISE = 0.05  # RGB distance within which hair and skin are not told apart
NEARER = (0.3, 0.7)  # squared distance to skin over that to both: skin, and hair
FAR = (0.15, 0.35)  # RGB distance from the nearest colour: hair or skin, and something else, as a collar or a dark line


class Palette(NamedTuple):
    """Colours of B heads, RGB 0..1. hair, skin: (B, K, 3)."""

    hair: Tensor
    skin: Tensor


def head_palette(texture: Tensor, visibility: Tensor) -> Palette:
    """The palettes of charts (B, 3, C, C) with this visibility (B, 1, C, C), 0..1. Where nothing is seen, black."""
    x, y = unit_grid(texture.shape[-1], texture.device).unbind(-1)
    crown = (y < CROWN_LOW) & (y > CROWN_HIGH) & (x.abs() < CROWN_HALF_WIDTH)
    cheeks = (y.abs() < CHEEK_HEIGHT) & (x.abs() < CHEEK_HALF_WIDTH)
    return Palette(
        *(main_colours(texture[..., region[0]].mT, visibility[..., region[0]].mT) for region in (crown, cheeks))
    )


def picture_palette(person: Tensor, face: Tensor, head: HeadTransform) -> Palette:
    """The palettes of heads with landmarks (B, 478, 3), canvas units, in pictures (B, 4, S, S), premultiplied RGB and
    alpha, 0..1: coarser than a chart's, and known before the head's surface is.
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
        palette.append(main_colours(colour / alpha.clamp_min(1e-3), alpha))
    return Palette(*palette)


def main_colours(colour: Tensor, weight: Tensor) -> Tensor:
    """(B, K, 3) the colours around which N others (B, N, 3) lie, by Lloyd's algorithm from dark to bright.

    weight: (B, N, 1), by which each counts.
    """
    weight = weight / weight.sum(1, keepdim=True).clamp_min(1e-6)
    mean = (colour * weight).sum(1)
    spread = ((colour - mean[:, None]).square() * weight).sum(1)
    steps = torch.linspace(-1, 1, COLOURS, device=colour.device, dtype=colour.dtype)
    centres = mean[:, None] + steps[:, None] * spread.sqrt()[:, None]
    for _ in range(ROUNDS):
        nearest = torch.cdist(colour, centres).argmin(-1, keepdim=True)  # (B, N, 1)
        member = weight * (nearest == torch.arange(COLOURS, device=colour.device))  # (B, N, K)
        total = member.sum(1)[..., None]
        centres = torch.where(total > LEAST_SHARE, (member.mT @ colour) / total.clamp_min(LEAST_SHARE), centres)
    return centres


def hair_likeness(texture: Tensor, palette: Palette) -> Tensor:
    """(B, 1, H, W) 0..1 how much colours (B, 3, H, W) look like hair. Where hair and skin are alike, both do."""
    hair, skin = (_distance(texture, colours) for colours in palette)
    share = (skin.square() + NOISE**2) / (hair.square() + skin.square() + NOISE**2)
    return smoothstep(*NEARER, share) * (1 - smoothstep(*FAR, hair))


def skin_likeness(texture: Tensor, palette: Palette) -> Tensor:
    """(B, 1, H, W) 0..1 how much colours (B, 3, H, W) look like bare skin, without lines, lips or brows."""
    return 1 - smoothstep(*FAR, _distance(texture, palette.skin))


def _distance(texture: Tensor, colours: Tensor) -> Tensor:
    """(B, 1, H, W) RGB distance of colours (B, 3, H, W) from the nearest of (B, K, 3)."""
    squares = [(texture - each[..., None, None]).square().sum(1, keepdim=True) for each in colours.unbind(1)]
    return torch.stack(squares).amin(0).sqrt()  # a fiftieth of the time that a norm over all at once takes
