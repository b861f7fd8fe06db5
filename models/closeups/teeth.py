"""Teeth: those that the picture shows, and those that the close-up network only suggests as a haze.

Upper teeth stand still in the head. Those that a picture shows are drawn where they are; where the lip has risen since,
they are lengthened to it.

A network that is trained pixel by pixel to paint a mouth that no picture shows paints the mean of all possible mouths:
a light haze where teeth are likely. `decide_teeth` turns that into teeth. Where the haze is lighter than about halfway
between its extremes there are teeth, as light as the haze is at most; elsewhere there is the dark behind them. Thin
dark lines separate them. No colour of the mouth may be colder or warmer than all that surrounds it: an old painting has
yellow teeth, a pencil drawing grey ones.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.constants import const_floats
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.openings import erode, ring_edges

EXTREME_SHARPNESS = 25.0  # lightest and darkest are means weighted by the exponential of this times lightness 0..1
TOOTH_LIGHTNESS = (0.35, 0.6)  # share of the way from dark to light: none is tooth below, all is above
HAZE_CONTRAST = (0.06, 0.15)  # lightness 0..1 between the extremes: a haze below is left as it is, one above decided
HAZE_SHARE = 0.35  # share of the haze's own colour that stays, for light and shadow along the mouth
# Window units from the middle to where upper teeth meet: incisors, canine and premolars are 8.5, 6.5, 7.5, 7 and 7 mm
# wide (Nelson: Wheeler's Dental Anatomy), the eyes' outer corners 90 mm apart, and the arch turns away to the side.
GAP_POSITIONS = (0.0, 0.2, 0.36, 0.51, 0.62, 0.7)
GAP_HALF_WIDTH = 0.017  # window units
CHROMA_MARGIN = 1.1  # factor by which green and blue over red may leave the range around the mouth
DARK_GREY = 0.1  # of the mean lightness, added before colours are compared: what is much darker has no reliable colour
WHITENESS = (0.65, 0.85)  # least of red, green and blue over the most: a tongue below, teeth above
MIN_LIGHTNESS_RANGE = 0.1  # lightness 0..1: an inside that ranges over less shows no teeth
TOOTH_ROW_SHARE = (0.3, 0.5)  # of the opening's area: below it is one or two teeth, above a row of them
GAP_DARKNESS = 0.25  # share by which the line between two teeth is darker
GAP_NOTCH = 0.1  # added to the lightness threshold in a line: teeth have round edges


def decide_teeth(paint: Tensor, invented: Tensor, allowed_chroma: Tensor) -> Tensor:
    """(B, 3, n, n) paint of mouths' windows in which a haze of teeth has become teeth and the dark behind them.

    paint (B, 3, n, n) 0..1; invented (B, 1, n, n) 0..1: how far each pixel is the network's alone, and thus decided;
    allowed_chroma: the picture's `chroma_range`.
    """
    pale = whiteness(paint)
    paint = torch.lerp(paint, clamp_chroma(paint, allowed_chroma), invented)
    light = paint.mean(1, keepdim=True)
    half_paint, half_invented, half_light = (each[..., ::2, ::2] for each in (paint, invented, light))  # for means
    away = EXTREME_SHARPNESS * (half_light - weighted_mean(half_light, half_invented))
    white, dark = (weighted_mean(half_paint, half_invented * power.exp()) for power in (away, -away))  # (B, 3, 1, 1)
    low, high = dark.mean(1, keepdim=True), white.mean(1, keepdim=True)
    gap = tooth_gaps(paint.shape[-1], paint.device) * pale
    tooth = smoothstep(*TOOTH_LIGHTNESS, (light - low) / (high - low).clamp_min(0.02) - GAP_NOTCH * gap)
    white, dark = (torch.lerp(colour, paint, HAZE_SHARE) for colour in (white, dark))
    decided = torch.lerp(dark, white * (1 - GAP_DARKNESS * gap), tooth)
    return torch.lerp(paint, decided, invented * smoothstep(*HAZE_CONTRAST, high - low))


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


def tooth_gaps(side: int, device: torch.device) -> Tensor:
    """(1, 1, 1, side) 0..1 along a window's row: 1 in the middle of the line between two upper teeth."""
    across = unit_grid(side, device)[:, :1, :, :1].abs()  # (1, 1, side, 1)
    distance = (across - const_floats(GAP_POSITIONS, device)).abs().amin(-1)
    return torch.exp(-(distance / GAP_HALF_WIDTH).square())[:, None]
