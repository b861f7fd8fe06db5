"""Teeth that the picture shows, and the colours that those of a driver may have in it.

Upper teeth stand still in the head. Those that a picture shows are drawn where they are; where the lip has risen since,
they are lengthened to it. No colour of the mouth may be colder or warmer than all that surrounds it: an old painting
has yellow teeth, a pencil drawing grey ones.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.grid import smoothstep, unit_grid
from models.geometry.openings import erode, ring_edges

TOOTH_LIGHTNESS = (0.35, 0.6)  # share of the way from dark to light: none is tooth below, all is above
CHROMA_MARGIN = 1.1  # factor by which green and blue over red may leave the range around the mouth
DARK_GREY = 0.1  # of the mean lightness, added before colours are compared: what is much darker has no reliable colour
WHITENESS = (0.65, 0.85)  # least of red, green and blue over the most: a tongue below, teeth above
MIN_LIGHTNESS_RANGE = 0.1  # lightness 0..1: an inside that ranges over less shows no teeth
TOOTH_ROW_SHARE = (0.3, 0.5)  # of the opening's area: below it is one or two teeth, above a row of them


def visible_teeth(picture: Tensor, opening: Tensor) -> Tensor:
    """(B, 1, n, n) 0..1 where mouths in pictures (B, 3, n, n) 0..1 show teeth through their opening (B, 1, n, n): pale,
    and much lighter than the darkest; the lines between them belong to them.
    """
    light, inside = picture.mean(1, keepdim=True), opening > 0.5
    high = torch.where(inside, light, 0).amax((2, 3), keepdim=True)
    low = torch.where(inside, light, 1).amin((2, 3), keepdim=True)
    share = (light - low) / (high - low).clamp_min(MIN_LIGHTNESS_RANGE)
    tooth = opening * whiteness(picture) * smoothstep(*TOOTH_LIGHTNESS, share)
    tooth = -F.max_pool2d(-F.max_pool2d(tooth, 7, 1, 3), 5, 1, 2)  # closes the lines between teeth
    row = weighted_mean(tooth, opening)
    return smoothstep(*TOOTH_ROW_SHARE, row) * erode(opening) * F.avg_pool2d(tooth, 3, 1, 1)


def teeth_source(ring: Tensor, side: int) -> Tensor:
    """(B, side, side, 2) where the picture shows the upper teeth that stand at each pixel of a window, window units.

    ring (B, 2, N, 2): the mouth's opening at rest and now, from one corner over the top, window units.
    """
    grid = unit_grid(side, ring.device).expand(len(ring), -1, -1, -1)
    upper, lower = (edge.view(len(ring), 2, 1, side) for edge in ring_edges(ring.flatten(0, 1), grid[0, 0, :, 0]))
    (rest_top, top), tip = upper.unbind(1), lower[:, 0]
    x, y = grid.unbind(-1)
    compression = (tip - rest_top) / (tip - torch.minimum(top, rest_top)).clamp_min(1e-3)  # 1 where the lip is lower
    return torch.stack([x, torch.where((tip < 1) & (y < tip), tip - (tip - y) * compression, y)], -1)


def whiteness(colour: Tensor) -> Tensor:
    """(B, 1, h, w) 0..1 from tongue to teeth, of colours (B, 3, h, w)."""
    return smoothstep(*WHITENESS, colour.amin(1, keepdim=True) / colour.amax(1, keepdim=True).clamp_min(1e-3))


def chroma_range(picture: Tensor) -> Tensor:
    """(B, 2, 2, 1, 1) the least and the most that green and blue may be of red in the mouth of a picture (B, 3, n, n)
    0..1.
    """
    mean = picture.mean((2, 3), keepdim=True)
    red = torch.maximum(picture[:, :1], mean[:, :1]).clamp_min(0.05)  # shadows are cold
    most = F.avg_pool2d(picture[:, 1:] / red, 2, 6).amax((2, 3), keepdim=True)
    grey = DARK_GREY * mean.mean(1, keepdim=True) + 1e-3
    least = F.avg_pool2d((picture[:, 1:] + grey) / (picture[:, :1] + grey), 2, 6).amin((2, 3), keepdim=True)
    return torch.stack([least / CHROMA_MARGIN, most * CHROMA_MARGIN], 1)


def clamp_chroma(paint: Tensor, allowed_chroma: Tensor) -> Tensor:
    """Paint (B, 3, n, n) with green and blue over red within a `chroma_range`, as light as before."""
    (least, most), red = allowed_chroma.unbind(1), paint[:, :1]
    clamped = torch.cat([red, torch.minimum(torch.maximum(paint[:, 1:], red * least), red * most)], 1)
    return (clamped * (paint.mean(1, keepdim=True) / clamped.mean(1, keepdim=True).clamp_min(1e-3))).clamp_max(1)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """(B, C, 1, 1) mean of values (B, C, h, w) with weights (B, 1, h, w)."""
    return (weight * values).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp_min(1e-6)
