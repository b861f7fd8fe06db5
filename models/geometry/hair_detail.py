"""The fine pattern of hair that no picture shows: that of the hair around the top of the head, repeated.

On a head's chart, hair that is combed back or to the sides lies along rays from the middle of the face. So the pattern
goes on around the head at its own distance from there: the half of the known hair that is next to what is not known is
repeated, twice, each fading where it begins anew, and outwards likewise; inwards it is mirrored.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.grid import smoothstep, unit_grid

ROWS, COLUMNS = 64, 128  # cells of the chart's radius, and of half a turn around its middle, where hair is looked for
DETAIL_RANGE = 0.4  # log of the factor that a detail is: limit
DARKEST = 0.02  # added to colours 0..1 before their logs are taken
ELSEWHERE = 0.3  # share of the pattern at another angle, which counts where nothing is known at the first
# Beyond the known hair outwards a pattern has its contrast if these distances span so much, and less where they do not,
# since a narrow one that is repeated is a weave.
LEAST_REPEATED, SPAN = 0.3, (0.15, 0.5)
LEAST_POWER = 0.25  # of the known hair where a pattern is taken: with less of it, it is fainter
KNOWN, MOSTLY_KNOWN = 0.5, 0.6  # weight of known hair, and the share of what lies between the top and its end
LEAST_SPAN, LEAST_REACH = math.radians(40), 0.05  # radians of known hair: of a row that counts, and to each side


class KnownHair(NamedTuple):
    """Where the known hair around the tops of heads ends on charts.

    reach: (B, 2, `ROWS`) angles from the top to the left and to the right, radians, by distance from the middle.
    rows: (B, 2) least and greatest of these distances, 0..1. found: (B,) 0 or 1.
    """

    reach: Tensor
    rows: Tensor
    found: Tensor


def hair_detail(colour: Tensor, smooth: Tensor, weight: Tensor) -> Tensor:
    """Logs (B, 3, C, C) of the factors between hair and its smooth colour, all over charts (B, 3, C, C) of heads, 0..1;
    0 where there is too little hair. weight: (B, 1, C, C) 0..1, where hair is known.
    """
    detail = ((colour + DARKEST).log() - (smooth + DARKEST).log()).clamp(-DETAIL_RANGE, DETAIL_RANGE) * weight
    hair = find_hair(weight)
    x, y = unit_grid(colour.shape[-1], colour.device).unbind(-1)
    least, greatest = hair.rows[:, :1, None], hair.rows[:, 1:, None]
    inner = torch.hypot(x, y).expand(len(colour), -1, -1)
    inner = torch.where(inner < least, folded(inner, least, greatest), inner)
    angle = torch.atan2(x, -y)  # from the top of the head, clockwise
    total, power = torch.zeros_like(detail), torch.zeros_like(weight)
    for out_share, radius in repeated(inner, greatest, (greatest - least) / 2):
        row = torch.stack([torch.zeros_like(radius), radius * 2 - 1], -1)
        left, right = F.grid_sample(hair.reach[..., None], row, "bilinear", "border", False).unbind(1)
        end = torch.where(angle < 0, left, right)
        around = angle.abs().expand_as(end)
        elsewhere = torch.full_like(end, ELSEWHERE), (end - around).abs()
        for share, turn in [*repeated(around, end, end / 2), elsewhere]:
            where = radius[..., None] * torch.stack([(turn * angle.sign()).sin(), -turn.cos()], -1)
            sampled = F.grid_sample(torch.cat([detail, weight], 1), where, "bilinear", "border", False)
            part = (share * out_share)[:, None]
            total = total + part * sampled[:, :3]
            power = power + (part * sampled[:, 3:]).square()
    rows = LEAST_REPEATED + (1 - LEAST_REPEATED) * smoothstep(*SPAN, greatest - least)
    total = total * torch.where(inner > greatest, rows, torch.ones_like(rows))[:, None]
    return total / power.sqrt().clamp_min(LEAST_POWER) * hair.found[:, None, None, None]  # as strong as one of them


def repeated(values: Tensor, end: Tensor, period: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Values (B, C, C) that lie beyond an end put into the period before it, twice, each fading where it begins anew:
    pairs of shares 0..1 and values.
    """
    beyond, out = (values - end).clamp_min(0) / period, []
    for shift in (0.0, 0.5):
        phase = torch.remainder(beyond + shift, 1)
        out.append((1 - (2 * phase - 1).abs(), torch.where(beyond > 0, end - period * (1 - phase), values)))
    return out


def find_hair(weight: Tensor) -> KnownHair:
    """The hair that is known around the tops of heads, by weights (B, 1, C, C), 0..1, on their charts."""
    radius = (torch.arange(ROWS, device=weight.device) + 0.5) / ROWS
    angle = (torch.arange(COLUMNS, device=weight.device) + 0.5) / COLUMNS * math.pi
    sides = []
    for side in (-1, 1):
        where = radius[:, None, None] * torch.stack([side * angle.sin(), -angle.cos()], -1)
        sampled = F.grid_sample(weight, where.expand(len(weight), -1, -1, -1), "bilinear", "zeros", False)[:, 0]
        known = (sampled > KNOWN).to(weight.dtype)
        so_far = known.cumsum(-1) / torch.arange(1, COLUMNS + 1, device=weight.device)
        sides.append(torch.where((known > 0) & (so_far > MOSTLY_KNOWN), angle, 0.0).amax(-1))
    reach = torch.stack(sides, 1)
    counts = (reach.sum(1) > LEAST_SPAN).to(weight.dtype)  # (B, ROWS)
    least = torch.where(counts > 0, radius, 1.0).amin(-1)
    greatest = torch.where(counts > 0, radius, 0.0).amax(-1)
    rows = torch.stack([least, torch.maximum(greatest, least + 1 / ROWS)], -1)
    # The mean of three rows, of those that count.
    of_three, number = (F.avg_pool1d(each, 3, 1, 1) for each in (reach * counts[:, None], counts[:, None]))
    reach = (of_three / number.clamp_min(1e-4)).clamp_min(LEAST_REACH)
    return KnownHair(reach, rows, counts.amax(-1))


def folded(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Values put between two ends by mirroring them there as often as it takes."""
    span = high - low
    beyond = torch.remainder(values - low, 2 * span)
    return low + torch.minimum(beyond, 2 * span - beyond)
