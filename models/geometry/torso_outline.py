"""Where a torso ends behind the arms before it: between what the picture shows of it and of the background."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.body import HIPS, LEFT_INDEX, LEFT_PINKY, RIGHT_INDEX, RIGHT_PINKY, SHOULDERS
from models.geometry.constants import gather_rows
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.inpaint import dilate, opened

ROWS = 192  # places along the spine at which a torso's half widths are known
COLUMNS = 256  # places from the spine outwards that are looked at
BELOW = 0.6  # lengths of the spine below the hips to which a torso, a coat or a skirt is followed
DEPTH = 0.25  # of the spine's length: half of a torso's width at least, seen from the side
WIDEST = 2.2  # half widths that are looked at
LEAST_BELOW = 0.3  # half widths that must be seen below the hips on both sides for the torso to go on
UNDER_ARMS = 0.05  # half widths that a torso goes on behind an arm beside it, at least
HELD = 0.3  # lengths of the spine around the knuckles in which hands hold things
SEEN = 0.5  # visibility of hands that may hold something
ENDS = 0.08  # lengths of the spine over which the outline fades in below the shoulders, and out at its lower end
PERSON, NOBODY = 0.5, 0.3  # alpha from which a place is the person's, and up to which it is background
CLEARLY_NOBODY = 0.05  # the latter beside a limb, in a narrow gap
RIM_DIVISOR = 170  # of the canvas's side: pixels around limbs in which alpha is their soft edge
THIN_DIVISOR = 128  # of the canvas's side: half the width up to which what stays beside a limb is no torso
SMOOTHED_ROWS = 11  # over which a half width is the mean of its neighbours, as often as this:
SMOOTHINGS = 40


class Axis(NamedTuple):
    """The spine of B people: top and way to its lower end (B, 2), and half the torso's width (B,), the unit of places
    beside it; canvas units. shoulders, hips: (B,), halves of their joints' distances, in that unit.
    """

    top: Tensor
    way: Tensor
    half: Tensor
    shoulders: Tensor
    hips: Tensor


class TorsoRows(NamedTuple):
    """The outline of the torsos of B pictures, R places along the spine, evenly from the shoulders to `BELOW` the hips.

    centre, half: (B, R), its middle beside the spine, positive on the left of a person seen from the front, and half
    its width; canvas units. known: (B, R), 0..1, whether there is one; it fades out over `ENDS` before it ends.
    """

    centre: Tensor
    half: Tensor
    known: Tensor


class TorsoOutline(NamedTuple):
    """Areas (B, 1, S, S), 0..1: the torso, also behind arms, and where that is known, from shoulders to thighs."""

    torso: Tensor
    known: Tensor


def no_rows(count: int, device: torch.device) -> TorsoRows:
    """Of pictures in which no outline of a torso is known."""
    zero = torch.zeros(count, ROWS, device=device)
    return TorsoRows(zero, zero + 1, zero)


def spine(body: Tensor) -> Axis:
    """The spine of joints (B, 33, ≥2)."""
    shoulders, hips = body[:, SHOULDERS, :2], body[:, HIPS, :2]
    top, bottom = shoulders.mean(1), hips.mean(1)
    widths = torch.stack([(pair[:, 0] - pair[:, 1]).norm(dim=-1) / 2 for pair in (shoulders, hips)])
    half = torch.maximum(widths.amax(0), DEPTH * (bottom - top).norm(dim=-1)).clamp_min(1e-3)
    return Axis(top, bottom - top, half, *(widths / half))


def torso_rows(alpha: Tensor, taken: Tensor, behind: Tensor, body: Tensor) -> TorsoRows:
    """The outline of the torso whose arms are taken away.

    alpha (B, 1, S, S): of the person. taken, behind (B, 1, S, S): 0 or 1, what is on limbs, and on those that are
    behind the torso. body (B, 33, 4): joints. On each side a half width lies between the last place that is torso, or
    the line from shoulder to hip, and the first that is background or behind, and is as smooth as that allows.
    """
    size, axis = alpha.shape[-1], spine(body)
    rim = max(1, size // RIM_DIVISOR)  # pixels
    near = dilate(taken, rim) > 0.5
    rest = opened((alpha > PERSON) & ~near, max(1, size // THIN_DIVISOR))
    empty = ((alpha < NOBODY) & ~near) | ((alpha < CLEARLY_NOBODY) & (taken < 0.5)) | (behind > 0.5)
    places = torso_places(axis)  # (B, 2 ROWS, COLUMNS, 2)
    maps = torch.cat([rest, empty, taken > 0.5], 1).to(alpha.dtype)
    rest_at, empty_at, taken_at = F.grid_sample(maps, places, "nearest", "zeros", False).gt(0.5).unbind(1)
    step = torch.linspace(0, WIDEST, COLUMNS, device=alpha.device)
    before_empty = empty_at.to(torch.int32).cumsum(-1) == 0
    outer = (step * before_empty).amax(-1)
    along = torch.linspace(0, 1 + BELOW, ROWS, device=alpha.device)
    joints = torch.lerp(axis.shoulders[:, None], axis.hips[:, None], along.clamp_max(1)).repeat(1, 2)
    held = rest_at & beside_hands(places, body, axis) & (step > joints[..., None])
    rest_at, taken_at = rest_at & ~held, taken_at | held
    # What follows behind an arm may be something that a hand holds.
    begun = rest_at.to(torch.int32).cumsum(-1) > 0
    joined = (taken_at & begun).to(torch.int32).cumsum(-1) == 0
    inner = (step * (rest_at & before_empty & joined)).amax(-1)
    inner = inner * ((step * ~begun).amax(-1) <= joints)
    under = UNDER_ARMS + 2 / size * rim / axis.half[:, None]
    least = torch.maximum(inner + under * (inner > 0), joints)
    inner, outer, least, holds = (
        each.unflatten(1, (2, ROWS)) for each in (inner, torch.maximum(outer, inner), least, held.any(-1))
    )
    least = torch.where(holds, torch.maximum(least, between_rows(least)), least)
    goes_on = ((along < 1) | (inner.amin(1) > LEAST_BELOW)).to(alpha.dtype).cumprod(-1)
    faded = round(ENDS / (1 + BELOW) * ROWS)  # rows
    goes_on = F.avg_pool1d(F.pad(goes_on[:, :-1], (0, faded)), faded, 1)
    right, left = (smoothest(torch.minimum(least, outer), outer) * axis.half[:, None, None]).unbind(1)
    return TorsoRows((left - right) / 2, (left + right) / 2, goes_on)


def beside_hands(places: Tensor, body: Tensor, axis: Axis) -> Tensor:
    """Which of the places (B, H, W, 2) are as near to a hand of joints (B, 33, 4) as what it holds."""
    near = torch.zeros(places.shape[:-1], dtype=torch.bool, device=places.device)
    reach = HELD * axis.way.norm(dim=-1)[:, None, None]
    for pair in ((LEFT_INDEX, LEFT_PINKY), (RIGHT_INDEX, RIGHT_PINKY)):
        knuckles = gather_rows(body, pair)
        away = (places - knuckles[..., :2].mean(1)[:, None, None]).norm(dim=-1)
        near |= (away < reach) & (knuckles[..., 3].amin(1) > SEEN)[:, None, None]
    return near


def leftwards(axis: Axis) -> Tensor:
    """(B, 2) the direction across a spine, towards the left side of a person seen from the front; of length 1."""
    return F.normalize(torch.stack([axis.way[:, 1], -axis.way[:, 0]], -1), dim=-1, eps=1e-6)


def on_torso(places: Tensor, rows: TorsoRows, axis: Axis) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where canvas points (B, H, W, 2) lie on torsos, (B, H, W) each: the share of the way along the spine, the half
    widths beside the middle, positive on the left of a person seen from the front; and half and known of the rows.
    """
    offset = places - axis.top[:, None, None]
    along = (offset * axis.way[:, None, None]).sum(-1) / axis.way.square().sum(-1).clamp_min(1e-6)[:, None, None]
    across = (offset * leftwards(axis)[:, None, None]).sum(-1)
    at = torch.stack([2 * along / (1 + BELOW) - 1, torch.zeros_like(along)], -1)
    centre, half, known = F.grid_sample(torch.stack(rows, 1)[:, :, None], at, "bilinear", "border", True).unbind(1)
    half = half.clamp_min(1e-3)
    return along, (across - centre) / half, half, known


def torso_places(axis: Axis) -> Tensor:
    """(B, 2 · `ROWS`, `COLUMNS`, 2) canvas points from the spine outwards, to its right in the rows' first half."""
    along = torch.linspace(0, 1 + BELOW, ROWS, device=axis.top.device).repeat(2)
    sign = torch.ones_like(along)
    sign[ROWS:] = -1
    across = sign[:, None] * torch.linspace(0, WIDEST, COLUMNS, device=axis.top.device)
    out = -leftwards(axis) * axis.half[:, None]
    start = axis.top[:, None] + along[:, None] * axis.way[:, None]
    return start[:, :, None] + across[..., None] * out[:, None, None]


def between_rows(width: Tensor) -> Tensor:
    """Half widths (B, 2, `ROWS`) that are nowhere less than what there is both above and below, a hand's reach away."""
    reach = round(HELD / (1 + BELOW) * ROWS)
    wide = F.max_pool1d(width, 2 * reach + 1, 1, reach)
    return -F.max_pool1d(-wide, 2 * reach + 1, 1, reach)


def smoothest(least: Tensor, outer: Tensor) -> Tensor:
    """Half widths (B, 2, `ROWS`) between the least and outer ones (B, 2, `ROWS`), made smooth."""
    margin, width = SMOOTHED_ROWS // 2, least
    for _ in range(SMOOTHINGS):
        mean = F.avg_pool1d(F.pad(width, (margin, margin), "replicate"), SMOOTHED_ROWS, 1)
        width = torch.minimum(torch.maximum(mean, least), outer)
    return width


def draw_outline(rows: TorsoRows, body: Tensor, size: int) -> TorsoOutline:
    """The areas of torsos of people with joints (B, 33, ≥2), on a canvas of size pixels."""
    along, v, half, known = on_torso(unit_grid(size, body.device), rows, spine(body))
    torso = ((1 - v.abs()) * half * (size / 2) + 0.5).clamp(0, 1)
    return TorsoOutline(torso[:, None], (known * smoothstep(0.0, ENDS, along))[:, None])
