"""How a driver's arms, hands, legs and feet move the picture's: their directions, with the picture's lengths."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.body import END_HOLDERS, END_JOINTS
from models.geometry.constants import const_floats, gather_rows
from models.geometry.limb_curve import FIRST_JOINTS, LEGS, THIRD_JOINTS
from models.geometry.proportions import ENDS, LOWER, UPPER, Bones

LEG_STARTS, ANKLES = FIRST_JOINTS[2:], THIRD_JOINTS[2:]  # of the legs
END_LIMBS = tuple(THIRD_JOINTS.index(holder) for holder in END_HOLDERS)  # the limb of each of the `END_JOINTS`
BONE_FACTORS = (2, 2, 3, 3, 2, 2, 3, 3, 2, 2, 3, 3)  # which of the factors of `Strength.bones` each bone has
# Of an upper arm or a thigh: angles from straight down, positive away from the body, radians. Beyond MIDDLE ± π they
# jump, which the limits keep limbs away from.
AWAY = (-1.0, 1.0, -1.0, 1.0)  # sign with which they count, in the order of the limbs
MIDDLE_ANGLE = tuple(math.radians(angle) for angle in (55, 55, 40, 40))
LOWEST_ANGLE = tuple(math.radians(angle) for angle in (-115, -115, -75, -75))
HIGHEST_ANGLE = tuple(math.radians(angle) for angle in (225, 225, 155, 155))
LENGTH_RANGE = (0.15, 1.15)  # of a bone in the plane, over its full length
END_REACH = 1.3  # longest way from a wrist or an ankle, over the longest hand or foot


class TrunkMotion(NamedTuple):
    """How B torsos have moved; canvas units.

    corners: (B, 4, 2), left and right shoulder, left and right hip now. angle, growth: (B, 1), rotation and log of size
    of what goes along with the torso. held: (B, 1), log of the size that bounds have taken from it. lower: (B, 1, 2),
    by how much further down the hips are than in the picture, where the torso was made longer.
    """

    corners: Tensor
    angle: Tensor
    growth: Tensor
    held: Tensor
    lower: Tensor


class LimbMotion(NamedTuple):
    """The bones of B drivers in the picture's size; canvas units.

    vectors: (2B, 8, 2), upper and lower bones, now and then in the neutral. turn: (B, 8), their rotation since the
    picture, now. ratio: (B, 12), canvas units of a camera unit, by bone. longest: (B, 12), limits of lengths.
    leg_factor: (B, 1).
    """

    vectors: Tensor
    turn: Tensor
    ratio: Tensor
    longest: Tensor
    leg_factor: Tensor


def drive_limbs(every: Bones, trunk: TrunkMotion, strength: Tensor, bones: Tensor) -> LimbMotion:
    """The limbs' bones, of the driver now and in the neutral. every: of the picture, now, and in the neutral.

    strength (B, 1). bones (B, 4): see `drive_body`.
    """
    batch, device = len(strength), strength.device
    length, full = every.length[:, : LOWER.stop], every.full
    ratio = full[:batch] / full[2 * batch :].clamp_min(1e-4)
    angle, growth, held = (torch.cat([p, torch.zeros_like(p)]) for p in (trunk.angle, trunk.growth, trunk.held))
    visibility = every.visibility[batch:, : LOWER.stop]
    turn = every.angle[batch:] - every.angle[:batch].repeat(2, 1)
    # Upper bones: angles away from the body.
    away, middle, lowest, highest = (
        const_floats(values, device) for values in (AWAY, MIDDLE_ANGLE, LOWEST_ANGLE, HIGHEST_ANGLE)
    )
    outwards = away * (every.angle[:, UPPER] - math.pi / 2) - middle
    outwards = wrapped(outwards) + middle
    at_rest = outwards[:batch].repeat(2, 1)
    relative = outwards[batch:] - away * angle
    relative = torch.maximum(torch.minimum(relative, at_rest.maximum(highest)), at_rest.minimum(lowest))
    upper = torch.lerp(angle.expand_as(relative), away * (relative - at_rest) + angle, visibility[:, UPPER])
    lower = upper + visibility[:, LOWER] * wrapped(turn[:, LOWER] - upper)
    turn = torch.cat([upper, lower], 1)
    # Lengths.
    at_rest, strength = length[:batch].repeat(2, 1), strength.repeat(2, 1)
    shortest = torch.minimum(LENGTH_RANGE[0] * full[:batch], every.length[:batch])
    longest = torch.maximum(LENGTH_RANGE[1] * full[:batch], every.length[:batch])
    own = length[batch:] * (ratio[:, : LOWER.stop].repeat(2, 1) * held.exp())
    own = torch.maximum(own, shortest[:, : LOWER.stop].repeat(2, 1))
    own = torch.minimum(own, longest[:, : LOWER.stop].repeat(2, 1) * growth.exp())
    scale = torch.lerp(growth.expand_as(own), log_ratio(own, at_rest), visibility)
    factor = gather_rows(bones, BONE_FACTORS)
    size = at_rest * (scale * strength).exp() * factor[:, : LOWER.stop].repeat(2, 1)
    direction = every.angle[:batch, : LOWER.stop].repeat(2, 1) + turn * strength
    vectors = torch.stack([size * direction.cos(), size * direction.sin()], -1)
    longest = longest * factor * (trunk.growth * strength[:batch]).exp()
    return LimbMotion(vectors, turn[:batch], ratio, longest, bones[:, 3:])


def place_limbs(
    rest: Tensor, driver: Tensor, neutral: Tensor, every: Bones, trunk: TrunkMotion, limbs: LimbMotion, strength: Tensor
) -> tuple[Tensor, Tensor]:
    """Elbows and knees, and wrists and ankles, (B, 4, 2) each in the order of the limbs.

    rest, driver, neutral (B, 33, 4): joints of the picture, now and in the neutral. strength (B, 1): of displacements.
    """
    batch = len(rest)
    now, in_neutral = limbs.vectors.chunk(2)
    middle = trunk.corners + now[:, UPPER]
    last = middle + now[:, LOWER]
    # Ankles: where they stand in the picture, or where the driver's stance puts them, and moved as the driver's.
    hips, ankles = gather_rows(rest, LEG_STARTS)[..., :2], gather_rows(rest, ANKLES)
    moves = (gather_rows(driver, ANKLES) - gather_rows(neutral, ANKLES))[..., :2]
    unit = (limbs.ratio[:, UPPER] + limbs.ratio[:, LOWER])[:, LEGS] / 2
    stance = hips + trunk.lower + (in_neutral[:, UPPER] + in_neutral[:, LOWER])[:, LEGS]
    stance = stance + moves * (unit * strength).unsqueeze(-1) - last[:, LEGS]
    planted = hips + trunk.lower + limbs.leg_factor.unsqueeze(-1) * (ankles[..., :2] - hips) - last[:, LEGS]
    visibility = (every.visibility[batch:, UPPER] * every.visibility[batch:, LOWER])[:, LEGS].unsqueeze(-1)
    visibility, visibility_before = visibility.chunk(2)
    pull = torch.lerp(planted, stance * visibility_before, visibility) * ankles[..., 3:]
    pull = F.pad(pull, (0, 0, LEGS.start, 0))
    middle, last = middle + pull / 2, last + pull
    middle_bone = shortened(middle - trunk.corners, limbs.longest[:, UPPER])
    last_bone = shortened(last - middle, limbs.longest[:, LOWER])
    middle = trunk.corners + middle_bone
    return middle, middle + last_bone


def place_ends(
    rest: Tensor,
    driver: Tensor,
    every: Bones,
    trunk: TrunkMotion,
    limbs: LimbMotion,
    strength: Tensor,
    own_strength: Tensor,
    last: Tensor,
) -> Tensor:
    """The joints of hands and feet, (B, 10, 2) in the order of `END_JOINTS`. last (B, 4, 2): wrists and ankles.

    strength (B, 1): of the limbs, with which joints turn that are not the driver's own. own_strength (B, 10): of the
    driver's own shape and direction.

    They have the driver's shape and direction in the picture's size. Where they are not seen, hands turn with the
    forearm, and feet with the shin if that is seen.
    """
    batch = len(rest)
    ends = gather_rows(torch.cat([rest, driver]), END_JOINTS)
    holders = gather_rows(torch.cat([rest, driver]), END_HOLDERS)
    at_rest, own = (ends - holders)[..., :2].chunk(2)
    visibility = torch.minimum(ends, holders)[batch:, :, 3:] * own_strength.unsqueeze(-1).clamp_max(1)
    ratio, longest = (gather_rows(part[:, ENDS], END_LIMBS) for part in (limbs.ratio, limbs.longest))
    shin_visibility = every.visibility[batch : 2 * batch, LOWER][:, LEGS]
    turn = limbs.turn[:, LOWER] * F.pad(shin_visibility, (LEGS.start, 0), value=1.0)
    turn = gather_rows(turn, END_LIMBS)
    fallback = rotate_scale(at_rest, turn * strength, trunk.growth * strength)
    longest = torch.maximum(END_REACH * longest, at_rest.norm(dim=-1))
    own = shortened(own * (ratio * trunk.held.exp()).unsqueeze(-1), longest)
    return gather_rows(last, END_LIMBS) + torch.lerp(fallback, own, visibility)


def log_ratio(lengths: Tensor, others: Tensor) -> Tensor:
    """Logs of the ratios of lengths."""
    return (lengths.clamp_min(1e-4) / others.clamp_min(1e-4)).log()


def wrapped(angle: Tensor) -> Tensor:
    """Angles in −π..π."""
    return angle - 2 * math.pi * (angle / (2 * math.pi)).round()


def shortened(vectors: Tensor, longest: Tensor) -> Tensor:
    """Vectors (B, N, 2) of at most these lengths (B, N)."""
    return vectors * (longest / vectors.norm(dim=-1).clamp_min(1e-6)).clamp_max(1).unsqueeze(-1)


def rotate_scale(vectors: Tensor, angle: Tensor, log_scale: Tensor) -> Tensor:
    """Vectors (B, N, 2) rotated by angle (B, 1 or N), radians, and scaled by the exponential of log_scale."""
    size = log_scale.exp()
    cosine, sine = angle.cos() * size, angle.sin() * size
    x, y = vectors.unbind(-1)
    return torch.stack([cosine * x - sine * y, sine * x + cosine * y], -1)
