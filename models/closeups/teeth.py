"""Teeth: the picture's own, and what the close-up of a mouth means by its haze.

Upper teeth stand still in the head. What a picture shows of them is drawn where it is; where the lip has gone up since,
they are as much longer.

Whoever must paint a mouth that no picture shows, and is held to the truth pixel by pixel, paints the mean of all mouths
that could be: a light haze where teeth are likely. Here it is decided. Where the haze is lighter than about halfway
between its extremes there are teeth, as light as it is at most; elsewhere is the dark behind them. Lines part them. And
nothing in a mouth is colder or warmer than all that is around it: an old painting has yellow teeth, a pencil drawing
grey ones.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.closeups.eyeball import clear
from models.geometry.constants import const_floats
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.openings import edges

EXTREME = 25.0  # the lightest and the darkest are means weighted by the exponential of this times lightness
DECIDED = (0.35, 0.6)  # from dark to light: between these it passes from none to all teeth
CONTRAST = (0.06, 0.15)  # of lightness 0..1: a haze with less than the first is left alone, with the second decided
OWN = 0.35  # share of the haze's own colour that stays, for light and shadow along the mouth
# Where upper teeth meet, window units from the middle: incisors, canine and premolars are 8.5, 6.5, 7.5, 7 and 7 mm
# wide (Nelson: Wheeler's Dental Anatomy), the eyes' outer corners 90 mm apart, and the arch turns away to the side.
SEAMS = (0.0, 0.2, 0.36, 0.51, 0.62, 0.7)
SEAM = 0.017  # window units: half width of the line
STRANGER = 1.1  # how far green and blue, against red, may go beyond the most and the least around the mouth
PALER = 0.1  # of what is around on the mean: what is much darker has no colour that could be told
PALE = (0.65, 0.85)  # the least of red, green and blue over the most, from tongue to teeth: only teeth are parted
LONG = 0.1  # of lightness 0..1: what the inside of a mouth must at least range over to show anything
ROW = (0.3, 0.5)  # of an opening: so much of it shows a row of teeth, and not only one or two
GAP = 0.25  # how much darker the line is
NOTCH = 0.1  # how much lighter the haze must be for a tooth in a line: teeth have round edges


def teeth(paint: Tensor, invented: Tensor, allowed: Tensor) -> Tensor:
    """Paint (B, 3, n, n) 0..1 of mouths' windows, decided as far as it is invented (B, 1, n, n) 0..1. allowed:
    the picture's `tones`.
    """
    parted = pale(paint)
    paint = torch.lerp(paint, tempered(paint, allowed), invented)
    light = paint.mean(1, keepdim=True)
    few, share, lights = (each[..., ::2, ::2] for each in (paint, invented, light))  # enough for a mean
    away = EXTREME * (lights - weighted(lights, share))
    white, dark = (weighted(few, share * power.exp()) for power in (away, -away))
    low, high = dark.mean(1, keepdim=True), white.mean(1, keepdim=True)
    line = seams(paint.shape[-1], paint.device) * parted
    tooth = smoothstep(*DECIDED, (light - low) / (high - low).clamp_min(0.02) - NOTCH * line)
    white, dark = (torch.lerp(colour, paint, OWN) for colour in (white, dark))
    decided = torch.lerp(dark, white * (1 - GAP * line), tooth)
    return torch.lerp(paint, decided, invented * smoothstep(*CONTRAST, high - low))


def own(picture: Tensor, opening: Tensor) -> Tensor:
    """(B, 1, n, n) 0..1 where mouths in pictures (B, 3, n, n) 0..1 show teeth through their opening (B, 1, n, n): pale,
    and much lighter than the darkest; the lines between them belong to them.
    """
    light, inside = picture.mean(1, keepdim=True), opening > 0.5
    high = torch.where(inside, light, 0).amax((2, 3), keepdim=True)
    low = torch.where(inside, light, 1).amin((2, 3), keepdim=True)
    tooth = opening * pale(picture) * smoothstep(*DECIDED, (light - low) / (high - low).clamp_min(LONG))
    tooth = -F.max_pool2d(-F.max_pool2d(tooth, 7, 1, 3), 5, 1, 2)
    share = weighted(tooth, opening)
    return smoothstep(*ROW, share) * clear(opening) * F.avg_pool2d(tooth, 3, 1, 1)


def behind(ring: Tensor, side: int) -> Tensor:
    """(B, n, n, 2) where in the picture teeth are that stand at each pixel of a window, n = side. ring (B, 2, N, 2):
    the mouth's opening at rest and now, from one corner over the top, window units.
    """
    grid = unit_grid(side, ring.device).expand(len(ring), -1, -1, -1)
    upper, lower = (edge.view(len(ring), 2, 1, side) for edge in edges(ring.flatten(0, 1), grid[0, 0, :, 0]))
    (top, now), tip = upper.unbind(1), lower[:, 0]
    x, y = grid.unbind(-1)
    longer = (tip - top) / (tip - torch.minimum(now, top)).clamp_min(1e-3)
    return torch.stack([x, torch.where((tip < 1) & (y < tip), tip - (tip - y) * longer, y)], -1)


def pale(colour: Tensor) -> Tensor:
    """(B, 1, h, w) 0..1 from tongue to teeth, of colours (B, 3, h, w)."""
    return smoothstep(*PALE, colour.amin(1, keepdim=True) / colour.amax(1, keepdim=True).clamp_min(1e-3))


def tones(picture: Tensor) -> Tensor:
    """(B, 2, 2, 1, 1) the least and the most that green and blue may be of red in the mouth of a picture (B, 3, n, n)
    0..1.
    """
    mean = picture.mean((2, 3), keepdim=True)
    red = torch.maximum(picture[:, :1], mean[:, :1]).clamp_min(0.05)  # shadows are cold
    most = F.avg_pool2d(picture[:, 1:] / red, 2, 6).amax((2, 3), keepdim=True)
    grey = PALER * mean.mean(1, keepdim=True) + 1e-3
    least = F.avg_pool2d((picture[:, 1:] + grey) / (picture[:, :1] + grey), 2, 6).amin((2, 3), keepdim=True)
    return torch.stack([least / STRANGER, most * STRANGER], 1)


def tempered(paint: Tensor, allowed: Tensor) -> Tensor:
    """Paint as light as it is, but neither colder nor warmer than all that is around: within the `tones` of that."""
    (least, most), red = allowed.unbind(1), paint[:, :1]
    drawn = torch.cat([red, torch.minimum(torch.maximum(paint[:, 1:], red * least), red * most)], 1)
    return (drawn * (paint.mean(1, keepdim=True) / drawn.mean(1, keepdim=True).clamp_min(1e-3))).clamp_max(1)


def weighted(paint: Tensor, weight: Tensor) -> Tensor:
    """(B, C, 1, 1) mean colour."""
    return (weight * paint).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp_min(1e-6)


def seams(side: int, device: torch.device) -> Tensor:
    """(1, 1, 1, side) 0..1: 1 where one upper tooth ends and the next begins."""
    across = unit_grid(side, device)[:, :1, :, :1].abs()  # (1, 1, side, 1)
    near = (across - const_floats(SEAMS, device)).abs().amin(-1)
    return torch.exp(-(near / SEAM).square())[:, None]
