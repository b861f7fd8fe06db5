"""A torso that turns, as a cylinder: how wide it looks, and which part of the picture lies where on it.

A point at angle t around the body, 0 at the middle of the chest and 90° at the person's left, appears at sin(t + yaw)
half widths beside the axis. What the picture does not show is taken from the other half of the body, as its mirror
image, and else from what lies opposite of it, on the back or on the chest. Its outline is that of an ellipse, since
bodies are wider than deep. (The angles are those of a circle: MediaPipe's shoulders of somebody in profile are never
one behind the other, which makes its yaws too small.)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.body import LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER, WAIST
from models.geometry.constants import const_floats, gather_rows
from models.geometry.drive_limbs import log_ratio, wrapped
from models.geometry.grid import smoothstep
from models.geometry.proportions import USUAL_LINES, sanitized, trunk_of
from models.geometry.torso_outline import TorsoRows, leftwards, on_torso, spine

DEPTH = 0.5  # of a torso from front to back, over its width
FROM_THE_FRONT = (0.05, 0.2)  # 1 − |cosine| of the yaw: up to the first it tells nothing, from the second on all
SIDE_DEPTH = 1.0  # sizes of the body by which one shoulder is nearer than the other, from which the side is known
OWN_SIDE = 2.0  # how much more the picture's side counts than the driver's
SPINE_TRUST = 1.18  # factor up to which a spine tells the size of a body that its head tells otherwise
MAX_TWIST = 0.5  # radians between shoulders and hips
TURNED = (0.1, 0.5)  # radians of a turn over which the better half of a picture comes to stand for both
# Half widths over which a torso goes over to its outline; where that is the other one in the picture, within a cell.
RIM, MIRRORED_RIM = (0.85, 1.0), (0.93, 1.0)
# Half widths up to which something is drawn from the picture: seen from the front, where outer parts repeat, and seen
# from the side, where the middle of the chest is near the outline.
INSIDE = (0.88, 0.94)
# Sine of a picture's yaw: up to the first what is hidden is the back's, from the second on the other half's.
FROM_THE_SIDE = (0.3, 0.7)
BELOW_NECK = (-0.05, 0.15)  # lengths of the spine from the shoulders over which a torso begins, below the neck
NECK_WIDTH = (0.7, 1.6)  # canonical units beside the middle of a neck over which it ends
LEFTS, RIGHTS = (LEFT_SHOULDER, LEFT_HIP), (RIGHT_SHOULDER, RIGHT_HIP)


class TorsoTurn(NamedTuple):
    """How the torsos of B characters are turned in a frame.

    joints: (B, 33, ≥2), with shoulders and hips as far apart as the clothes around them are wide. before, now:
    (B, 2), yaw of the shoulders and of the hips in the picture and in the frame, radians.
    """

    joints: Tensor
    before: Tensor
    now: Tensor


def turn_torso(rest: Tensor, body: Tensor, head_scale: Tensor, growth: Tensor) -> TorsoTurn:
    """How torsos with joints rest (B, 33, 4) in the picture are turned at joints body (B, 33, 3).

    head_scale (B,): of the heads in the picture, canvas units. growth (B,): the character's size now over that in the
    picture. Where the hips are not visible, a turn cannot be distinguished from narrow shoulders: then the torso is a
    sheet, as wide as its line of joints.
    """
    trunk = trunk_of(sanitized(rest), head_scale)
    known, full = trunk.visibility[:, 1:], const_floats(USUAL_LINES, rest.device) * trunk.size
    width, facing, depth, length = torso_lines(rest)
    width_now, facing_now, depth_now, length_now = torso_lines(body)
    # Heads in profile are measured worse than spines, and spines are shorter in a bow.
    growth = growth[:, None]
    growth = growth * (length_now / length.clamp_min(1e-3) / growth).clamp(1 / SPINE_TRUST, SPINE_TRUST)
    cosines = facing / full, facing_now / (full * growth)
    depths = depth / full, depth_now / (full * growth)
    own = (depths[0] / SIDE_DEPTH).clamp(-1, 1)
    sides = [(OWN_SIDE * own + (1 - own.abs()) * each / SIDE_DEPTH).clamp(-1, 1) for each in depths]
    before, now = (untwisted(torch.atan2(side * known_sine(c), c)) for side, c in zip(sides, cosines, strict=True))
    widened = log_ratio(apparent(cosines[1]) * growth, apparent(cosines[0]))
    factor = ((widened - log_ratio(width_now, width)) * known).exp()
    shoulders, hips = part_of_turn(now - before, known).split(1, 1)
    turn = torch.cat([shoulders, shoulders + wrapped(hips - shoulders)], 1)  # the waist lies between both
    return TorsoTurn(with_lines(body, factor), before, before + turn)


def part_of_turn(turn: Tensor, share: Tensor) -> Tensor:
    """Shares 0..1 of turns in radians, as angles in −π..π: continuous in the turn, also where it goes past π."""
    return torch.atan2(share * turn.sin(), 1 - share + share * turn.cos())


def torso_lines(body: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of the lines from right to left shoulder and hip of joints (B, 33, ≥3) the length, the part of it across the
    spine, negative of a person with their back to the camera, and how much further away the left end is, (B, 2) each;
    and the length of the spine, (B, 1).
    """
    lefts, rights = gather_rows(body, LEFTS), gather_rows(body, RIGHTS)
    down = ((lefts + rights) / 2).diff(dim=1)[..., :2]
    across = F.normalize(torch.stack([down[..., 1], -down[..., 0]], -1), dim=-1, eps=1e-6)
    x, z = (lefts - rights)[..., :2], (lefts - rights)[..., 2]
    return x.norm(dim=-1), (x * across).sum(-1), z, down.norm(dim=-1)


def untwisted(yaw: Tensor) -> Tensor:
    """Yaws (B, 2) of shoulders and hips, radians, with hips that follow the shoulders as far as a spine twists."""
    twist = wrapped(yaw.diff(dim=1)).clamp(-MAX_TWIST, MAX_TWIST)
    return torch.cat([yaw[:, :1], yaw[:, :1] + twist], 1)


def known_sine(cosine: Tensor) -> Tensor:
    """Sine 0..1 of a yaw with this cosine; 0 near the front, where a small error of the cosine is a large one of it."""
    missing = 1 - cosine.abs().clamp_max(1)
    return (missing * (2 - missing)).clamp_min(1e-8).sqrt() * smoothstep(*FROM_THE_FRONT, missing)


def apparent(cosine: Tensor) -> Tensor:
    """How wide an ellipse looks, over its width, at a yaw with this cosine."""
    return (cosine.square() + DEPTH**2 * (1 - cosine.square()).clamp_min(0)).sqrt()


def with_lines(body: Tensor, factor: Tensor) -> Tensor:
    """Joints (B, 33, ·) whose lines of shoulders and hips are longer by factors (B, 2)."""
    ends = gather_rows(body, LEFTS), gather_rows(body, RIGHTS)
    middle, half = (ends[0] + ends[1]) / 2, (ends[0] - ends[1]) / 2 * factor[..., None]
    corners = torch.stack([middle + half, middle - half], 2).flatten(1, 2)
    shoulders, hips = corners[:, :2], corners[:, 2:]
    between = body[:, RIGHT_SHOULDER + 1 : LEFT_HIP]
    return torch.cat([body[:, :LEFT_SHOULDER], shoulders, between, hips, body[:, RIGHT_HIP + 1 :]], 1)


def neck_motion(points: Tensor, rest: Tensor, turn: TorsoTurn, neck: Tensor, unit: Tensor, growth: Tensor) -> Tensor:
    """What points (B, N, ≥2) around a neck move further (B, N, 2) than with the shoulders' line, canvas units.

    A neck is round: it does not widen with the shoulders of a torso that turns from the side to the front, and comes to
    their middle. rest (B, 33, ≥2): joints of the picture. neck (B, 2): where the head sits on it. unit, growth (B,): a
    canonical unit of the head, canvas units, and the character's size now over that in the picture.
    """
    axis, now = spine(rest), leftwards(spine(turn.joints))
    across = leftwards(axis)
    offset = points[..., :2] - axis.top[:, None]
    along = (offset * axis.way[:, None]).sum(-1) / axis.way.square().sum(-1).clamp_min(1e-6)[:, None]
    x, middle = (offset * across[:, None]).sum(-1), ((neck - axis.top) * across).sum(-1)[:, None]
    lines = [(j[:, LEFT_SHOULDER, :2] - j[:, RIGHT_SHOULDER, :2]).norm(dim=-1)[:, None] for j in (rest, turn.joints)]
    before, after = turn.before[:, :1].sin(), turn.now[:, :1].sin()
    ratio = (after * before / before.square().clamp_min(1e-4)).clamp(-1, 1)
    wanted = growth[:, None] * (x - middle * (1 - ratio))
    share = smoothstep(*FROM_THE_SIDE, before.abs()) * (1 - smoothstep(*BELOW_NECK, along))
    share = share * (1 - smoothstep(*NECK_WIDTH, (x - middle).abs() / unit[:, None]))
    return (share * (wanted - x * lines[1] / lines[0].clamp_min(1e-3))).unsqueeze(-1) * now[:, None]


def turned_places(places: Tensor, rows: TorsoRows, rest: Tensor, turn: TorsoTurn) -> Tensor:
    """Which places of the picture lie at places (B, 2, G, G) of a torso that is moved as a sheet; canvas units.

    rest (B, 33, ≥2): joints of the picture. Outside of torsos, and at rest, they are the same.
    """
    axis = spine(rest)
    along, v, half, known = on_torso(places.permute(0, 2, 3, 1), rows, axis)
    share = smoothstep(*WAIST, along)
    before, now = (torch.lerp(p[:, :1, None], p[:, 1:, None], share) for p in (turn.before, turn.now))
    now = before + part_of_turn(now - before, known * smoothstep(*BELOW_NECK, along))
    moved = (on_cylinder(v, before, now) - v) * half
    return places + leftwards(axis)[:, :, None, None] * moved[:, None]


def on_cylinder(v: Tensor, before: Tensor, now: Tensor) -> Tensor:
    """Where the picture shows what is at v half widths in a frame: half widths, beyond −1 or 1 outside of the torso.

    before, now: yaw in the picture and in the frame, radians, of v's shape.
    """
    begun = smoothstep(*TURNED, wrapped(before - now).abs())
    angle = torch.asin(v.clamp(-1, 1))
    own, other = angle + before - now, before + now - angle
    from_side = smoothstep(*FROM_THE_SIDE, before.sin().abs())
    mirrored = (other.cos() > 0) & (begun * from_side * (1 + other.cos()) - 1 > own.cos())
    inside = 1 - (1 - torch.lerp(torch.full_like(v, INSIDE[0]), torch.full_like(v, INSIDE[1]), from_side)) * begun
    place = torch.where(mirrored, other, own).sin()
    place = torch.maximum(torch.minimum(place, inside), -inside)
    rim = torch.where(mirrored, smoothstep(*MIRRORED_RIM, v.abs()), smoothstep(*RIM, v.abs()))
    return torch.lerp(place, v, rim)
