"""What hangs from a torso over the legs: the skirts of jackets and coats, and the seat of trousers.

Legs are layers of their own from the hips down, but clothes do not end there. A jacket's hem that went with thighs
would tear when they part, and so would trousers between them. So the colours of the torso and those of the legs are
told apart (`models/geometry/limb_parts.py`), and what looks like the torso and is joined to it stays with it; where
both look alike, the hips decide. A wedge between the thighs stays with the torso and is also theirs.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.body import HIPS, LEFT_KNEE, RIGHT_KNEE
from models.geometry.constants import gather_rows
from models.geometry.grid import box_grid, from_box, unit_grid
from models.geometry.inpaint import blur, dilate, grown_within
from models.geometry.limb_curve import FIRST_JOINTS, LEG_PIECES
from models.geometry.limb_parts import ON_PERSON, tell_apart
from models.geometry.ribbons import bounding_boxes
from models.geometry.torso_outline import Axis, leftwards, spine

SIDE = 160  # cells along a side of the box around torso and legs
HIPS_AT, HIP_SPREAD = 0.0, 0.3  # s of a leg at which it begins where nothing else tells, and over which it may do so
CERTAIN_TORSO, CERTAIN_LEG = 0.7, 1.1  # of the way down the spine, and s of a leg: what is above, or below, is so
RAISED_LEG = 0.5  # s from which a leg that reaches up beside or before the torso is none of it
LOWEST = 1.6  # s to which a coat may hang
MIN_THIGH = 0.7  # lengths of the spine: thighs that look shorter point at the camera
SEAT_WIDTH = 1.35  # half the width of a seat at the hips, over that of the hips' joints
LEAST_WIDTH = 0.22  # lengths of the spine: the same, seen from the side
CONTRAST, MOST_CONTRAST = 0.25, 4.0  # deviation to which alike colours are brought, and by how much at most
CROTCH = 0.32  # lengths of the thighs below the hips at which a seat ends; above them nothing is a seat for as long


class Hem(NamedTuple):
    """What of B people stays with the torso below the hips, (B, S, S), bool.

    clothes: what hangs from the torso; legs go on behind it. seat: what the thighs show as well.
    """

    clothes: Tensor
    seat: Tensor


def find_hem(person: Tensor, drawn: Tensor, rest: Tensor, body: Tensor, shown: Tensor, arms: Tensor) -> Hem:
    """What of people (B, 4, S, S), premultiplied colours and alpha, with joints (B, 33, 4) hangs over their legs.

    drawn (B, K, 4, S, S): from `draw_ribbons`, of ribbons with vertices rest (B, K, V, 2). shown (B, K): 0 or 1, which
    pieces the pictures show; people without legs have no hem. arms (B, S, S), bool: pixels of arms, which may be before
    it.
    """
    size, axis = person.shape[-1], spine(body)
    has_legs = shows_legs(shown)[:, None, None]
    if not bool(has_legs.any()):
        nowhere = has_legs.expand(-1, size, size)
        return Hem(nowhere, nowhere)
    corners = gather_rows(body, FIRST_JOINTS)[..., :2]
    vertices = torch.cat([gather_rows(rest, LEG_PIECES).flatten(1, 2), corners], 1)
    box = bounding_boxes(vertices[:, None])[:, 0]
    grid = box_grid(box, SIDE)
    sampled = F.grid_sample(person, grid, "bilinear", "zeros", False)
    colour = (sampled[:, :3] / sampled[:, 3:].clamp_min(1e-3)).clamp(0, 1)
    on_arms = F.grid_sample(arms[:, None].to(colour.dtype), grid, "nearest", "zeros", False)
    alpha = (sampled[:, 3:] > ON_PERSON) * (1 - on_arms)
    along = along_spine(axis, grid)
    s, on_leg = place_on_legs(drawn, grid, below_hips(body, grid))
    torso = torch.sigmoid((HIPS_AT - s) / HIP_SPREAD * 2) * (s < CERTAIN_LEG)
    certain = (along < CERTAIN_TORSO) & ~(on_leg & (s > RAISED_LEG))
    torso = torch.where(certain, torch.ones_like(torso), torso)
    share = tell_apart(with_contrast(colour, alpha), alpha, torch.stack([torso, 1 - torso], 1))[:, :1]
    free = ((share > 0.5) & (alpha > 0) & (s < LOWEST)[:, None]).to(share.dtype)
    joined = grown_within(free * certain[:, None], free, SIDE)
    clothes = from_box(blur(share * dilate(joined, 1), 1), box, size)[:, 0] > 0.5
    canvas = unit_grid(size, body.device)
    clothes = clothes & (along_spine(axis, canvas) > CERTAIN_TORSO) & has_legs
    drop, offset = below_hips(body, canvas), beside_hips(body, canvas)
    seat = (drop < CROTCH * (1 - offset)) & (drop > -CROTCH) & (offset < 1)
    return Hem(clothes, seat & has_legs)


def shows_legs(shown: Tensor) -> Tensor:
    """(B,) bool, whether pictures show any piece of a leg. shown (B, K): see `Outlines`."""
    return (gather_rows(shown, LEG_PIECES) > 0.5).any(1)


def along_spine(axis: Axis, points: Tensor) -> Tensor:
    """How far down the spine canvas points (·, H, W, 2) are: (B, H, W), 0 at the shoulders, 1 at the hips."""
    length = axis.way.square().sum(-1).clamp_min(1e-6)
    return ((points - axis.top[:, None, None]) * axis.way[:, None, None]).sum(-1) / length[:, None, None]


def with_contrast(colour: Tensor, alpha: Tensor) -> Tensor:
    """Colours (B, 3, H, W) further apart where those that count, alpha (B, 1, H, W), are all alike, as dark clothes."""
    count = alpha.sum((2, 3), keepdim=True).clamp_min(1)
    mean = (colour * alpha).sum((2, 3), keepdim=True) / count
    deviation = (((colour - mean).square() * alpha).sum((1, 2, 3), keepdim=True) / count / 3).sqrt()
    return colour * (CONTRAST / deviation.clamp_min(1e-3)).clamp(1, MOST_CONTRAST)


def place_on_legs(drawn: Tensor, grid: Tensor, drop: Tensor) -> tuple[Tensor, Tensor]:
    """(B, H, W) s of the nearest leg at canvas points grid (B, H, W, 2), beside legs how far below the hips they are,
    drop (B, H, W); and bool, whether they lie within the outline of a leg.
    """
    maps = gather_rows(drawn, LEG_PIECES)
    s, fraction, _, inside = (
        F.grid_sample(maps.flatten(1, 2), grid, "nearest", "zeros", False).unflatten(1, (-1, 4)).unbind(2)
    )
    distance = torch.where(inside > 0.5, fraction.abs(), torch.full_like(fraction, 9.0))
    nearest, index = distance.min(1, keepdim=True)
    return torch.where(nearest[:, 0] < 9, s.gather(1, index)[:, 0], drop), nearest[:, 0] < 1


def thigh_length(body: Tensor) -> Tensor:
    """(B,) length of the longer thigh of joints (B, 33, ≥2), canvas units."""
    knees = gather_rows(body, (LEFT_KNEE, RIGHT_KNEE))[..., :2]
    return torch.maximum((knees - body[:, HIPS, :2]).norm(dim=-1).amax(1), MIN_THIGH * spine(body).way.norm(dim=-1))


def below_hips(body: Tensor, points: Tensor) -> Tensor:
    """(B, H, W) how far canvas points (·, H, W, 2) are below the hips of joints (B, 33, ≥2), lengths of the thighs."""
    down = F.normalize(spine(body).way, dim=-1, eps=1e-6)
    return from_hips(body, points, down) / thigh_length(body)[:, None, None]


def beside_hips(body: Tensor, points: Tensor) -> Tensor:
    """(B, H, W) how far canvas points (·, H, W, 2) are beside the middle of the hips of joints (B, 33, ≥2), halves of
    the torso's width there.
    """
    axis = spine(body)
    half = torch.maximum(SEAT_WIDTH * axis.hips * axis.half, LEAST_WIDTH * axis.way.norm(dim=-1)).clamp_min(1e-3)
    return from_hips(body, points, leftwards(axis)).abs() / half[:, None, None]


def from_hips(body: Tensor, points: Tensor, way: Tensor) -> Tensor:
    """(B, H, W) canvas units from the middle of the hips to points (·, H, W, 2), along unit vectors way (B, 2)."""
    offset = points - body[:, HIPS, :2].mean(1)[:, None, None]
    return (offset * way[:, None, None]).sum(-1)
