"""Clothes that go on where something before them hides them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.grid import smoothstep, unit_grid
from models.geometry.inpaint import blur, pull_push
from models.geometry.torso_outline import BELOW, ENDS, ROWS, TorsoRows, leftwards, on_torso, spine

FAR_WEIGHT = 1e-9  # of the smooth filling beside the nearest pixels' colours, where there are none
ACROSS = 128  # places across a torso at which its colours are known
RIM = (0.95, 1.05)  # half widths over which a torso goes over to what is beside it


def continue_torso(colours: Tensor, known: Tensor, rows: TorsoRows, body: Tensor) -> Tensor:
    """Colours (B, 3, S, S) with what is not known (B, 1, S, S), bool, continued: on torsos with joints (B, 33, ≥2)
    along and across their outlines, so that an open jacket and the shirt in it go on as they are; elsewhere along the
    picture's axes. Colours that are not known are not read.

    rows: the outlines of the torsos (`torso_rows`).
    """
    axis, device = spine(body), colours.device
    along = torch.linspace(0, 1 + BELOW, ROWS, device=device)
    v = torch.linspace(-1, 1, ACROSS, device=device)
    across = rows.centre[..., None] + rows.half[..., None] * v
    places = axis.top[:, None, None] + along[:, None, None] * axis.way[:, None, None]
    places = places + across[..., None] * leftwards(axis)[:, None, None]
    weight = known.to(colours.dtype)
    strip = F.grid_sample(torch.cat([colours * weight, weight], 1), places, "bilinear", "zeros", False)
    share = strip[:, 3:]
    strip = continue_clothes(strip[:, :3] / share.clamp_min(0.25), share > 0.5)
    along, v, _, on = on_torso(unit_grid(colours.shape[-1], device), rows, axis)
    at = torch.stack([v, 2 * along / (1 + BELOW) - 1], -1)
    torso = F.grid_sample(strip, at, "bilinear", "border", True)
    inside = on * smoothstep(0.0, ENDS, along) * (1 - smoothstep(*RIM, v.abs()))
    inside = inside * share.amax((2, 3)).gt(0.5)[..., None]
    return torch.where(known, colours, torch.lerp(continue_clothes(colours, known), torso, inside[:, None]))


def continue_clothes(colours: Tensor, known: Tensor) -> Tensor:
    """Colours (B, 3, H, W) with what is not known (B, 1, H, W), bool, taken from the nearest known pixels above, below,
    left and right, the nearest most: clothes go on, instead of blending with everything around.
    """
    soft = pull_push(colours, known.to(colours.dtype))
    own, radius = known.to(colours.dtype), colours.shape[-1] // 128
    source = blur(colours * own, 2 * radius) / blur(own, 2 * radius).clamp_min(1e-3)
    total, weights = soft * FAR_WEIGHT, torch.full_like(soft[:, :1], FAR_WEIGHT)
    for axis, backwards in ((2, False), (2, True), (3, False), (3, True)):
        nearest, distance = nearest_known(known, axis, backwards)
        weight = (distance + 1.0) ** -4 * (distance < known.shape[axis])
        total = total + weight * source.gather(axis, nearest.expand_as(source))
        weights = weights + weight
    filled = total / weights
    return torch.where(known, colours, blur(filled, radius))


def nearest_known(known: Tensor, axis: int, backwards: bool) -> tuple[Tensor, Tensor]:
    """For each pixel the number along an axis of the nearest known one (B, 1, H, W), bool, before it, or after it if
    backwards, and its distance in pixels; a distance of H or W or more where there is none.
    """
    size = known.shape[axis]
    shape = [1, 1, 1, 1]
    shape[axis] = size
    place = torch.arange(size, device=known.device).view(shape).expand_as(known)
    if backwards:
        nearest = torch.where(known, place, 2 * size).flip(axis).cummin(axis).values.flip(axis)
    else:
        nearest = torch.where(known, place, -size).cummax(axis).values
    return nearest.clamp(0, size - 1), (nearest - place).abs()
