"""How a driver's body moves the picture's: shoulders, arms, hands, waist, hips, legs, feet.

Directions of limbs in the picture's plane are the driver's own; their lengths are the picture's, foreshortened as the
driver's are. The torso moves relative to the driver's neutral. What is not seen goes along with what holds it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.body import (
    END_JOINTS,
    HAND_JOINTS,
    HEAD_JOINTS,
    JOINTS,
    LEFT_ELBOW,
    LEFT_HIP,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ELBOW,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
    SHOULDERS,
)
from models.geometry.constants import const_floats, gather_rows
from models.geometry.drive_limbs import (
    TrunkMotion,
    drive_limbs,
    log_ratio,
    place_ends,
    place_limbs,
    rotate_scale,
    wrapped,
)
from models.geometry.grid import ease_beyond, smoothstep
from models.geometry.limb_curve import FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS
from models.geometry.offsets import neck_of
from models.geometry.proportions import USUAL_LINES, Trunk, bones_of, sanitized, trunk_of, with_shoulders
from models.geometry.topology import HeadTransform

MIN_KEPT = 0.05  # of displacements that bounds leave, at least
FEET = len(END_JOINTS) - len(HAND_JOINTS)  # how many joints of `END_JOINTS` are of feet
ELBOWS, WRISTS = slice(LEFT_ELBOW, RIGHT_ELBOW + 1), slice(LEFT_WRIST, RIGHT_WRIST + 1)
ARM_PAIRS = (LEFT_HIP - LEFT_ELBOW) // 2  # joints of an arm below its shoulder; left and right take turns
_PLACED = (*FIRST_JOINTS, *SECOND_JOINTS, *THIRD_JOINTS, *END_JOINTS)
BELOW_HEAD = tuple(_PLACED.index(joint) for joint in range(HEAD_JOINTS.stop, JOINTS))  # of those, by number

NECK_FOLLOW = 0.6  # share of the neck's motion that shoulders go along with where they are not tracked
# Canonical units of the head by which a neck may be beside the middle of the shoulders, if it is not so in the picture,
# and over which it is held back beyond: drivers whose neutral leans, or is in profile, turn out to stand elsewhere.
NECK_ASIDE, EASED_ASIDE = 0.8, 0.4
MIN_STRENGTH = 0.05  # by which a displacement is divided
HIP_FOLLOW = 0.35  # share of the shoulders' motion that hips which the picture shows go along with, likewise
LEAN = 0.4  # lengths of the spine that shoulders get ahead of hips which are not seen, at most
SHOULDER_NOISE = (0.12, 0.15, 0.15)  # of tracked shoulders: shift (shoulder widths), angle (radians), log of size
CLOTHES_NOISE = 0.002  # the same three, measured on clothes (tests/streamer/tracking/test_torso_tracker.py)
SPINE_NOISE = 0.15  # of the length of a tracked spine: log, over that of the body's size
MAX_TORSO_ANGLE = 0.6  # radians: limit of the rotation in the picture's plane
MAX_TORSO_GROWTH = 0.5  # log of size
MIN_LINE_GROWTH = (-1.6, -1.6, -0.9)  # log of the length of each: the first two shorten in a turn, the spine in a bow
# Log of length by which lines may grow more than the body, least and most: those of a torso seen from the side widen
# with a turn up to their full length. How wide its clothes get then, models/geometry/torso_turn.py tells.
WIDENING = (0.2, 1.0)
# Width of the shoulders, sizes of the body, over which a torso that hid an arm from the side comes to hide none.
TURNED_TO_FRONT = (0.6, 0.9)
RELIABLE_LINE = (0.3, 0.6)  # of a line's usual length: shorter ones have no direction, longer ones do


class ShoulderMotion(NamedTuple):
    """How B drivers' shoulders have moved since the neutral.

    shift: (B, 2), canvas units. angle: (B, 1), radians. line, growth: (B, 1), log of their line's length and of the
    size of the body, which is nearer or further away; bounds of the frame included.
    """

    shift: Tensor
    angle: Tensor
    line: Tensor
    growth: Tensor


def drive_body(
    rest: Tensor,
    heads: tuple[HeadTransform, HeadTransform],
    driver: Tensor,
    neutral: Tensor,
    unit: Tensor,
    strength: Tensor,
    torsos: tuple[Tensor, Tensor] | None = None,
    bones: Tensor | None = None,
    kept: tuple[Tensor, Tensor] | None = None,
    hands: Tensor | None = None,
) -> Tensor:
    """Target joints (B, 33, 3) of the character, canvas units. Pure, and finite for any driver.

    rest (B, 33, 4): joints of the picture. heads: the character's head in the picture, and now. driver, neutral
    (B or 1, 33, 4): the driver's joints now and in the neutral, camera units; unit (B,): canvas units of a camera unit.
    strength (B,): of the change from rest, 1 = as the driver does. torsos (B or 1, 2, 4) each: `Driver.torso` now and
    in the neutral. bones (B, 4): factors of shoulder width, torso, arms and legs. kept (B,) each: what `keep_in_frame`
    left of the head's displacement and of its size, 0..1. hands (B,): strength of the joints of hands, a
    factor of `strength`; at 0 they turn with the forearm.

    A driver with the picture's joints gives the picture's. A bone follows as far as both of its joints are seen, and
    otherwise turns with its parent. Feet go where the driver's go, from where their stance puts them, and knees bend as
    hips and feet demand; feet that are not seen stay. z is the driver's relative to their torso where it is seen.
    """
    bones = rest.new_ones(len(rest), 4) if bones is None else bones
    left, shrink = (rest.new_ones(len(rest)),) * 2 if kept is None else kept
    strength, left, shrink, scale = strength[:, None], left[:, None], shrink.log()[:, None], heads[0].scale
    joints = sanitized(torch.cat([rest, driver.expand_as(rest), neutral.expand_as(rest)]))
    trunks = trunk_of(joints, torch.cat([scale, scale / unit, scale / unit]))
    trunk_parts = zip(*(part.chunk(3) for part in trunks), strict=True)
    rest_trunk, driver_trunk, neutral_trunk = (Trunk(*parts) for parts in trunk_parts)
    unit = unit[:, None] * left.clamp_min(MIN_KEPT)
    motion = measure_shoulders(rest_trunk, driver_trunk, neutral_trunk, heads, unit, strength, torsos, shrink)
    shoulders = steady_shoulders(neutral_trunk, motion, unit, shrink)
    rest, driver, neutral = joints.chunk(3)
    shoulders = torch.cat([shoulders, driver[:, SHOULDERS, 2:]], -1)
    driver = torch.cat([driver[:, :LEFT_SHOULDER], shoulders, driver[:, RIGHT_SHOULDER + 1 :]], 1)
    trunk = drive_trunk(
        rest_trunk, with_shoulders(driver_trunk, shoulders[..., :2]), neutral_trunk, motion, strength, bones, shrink
    )
    every = bones_of(torch.cat([rest, driver, neutral]), trunks.size)
    limbs = drive_limbs(every, trunk, strength, bones)
    middle, last = place_limbs(rest, driver, neutral, every, trunk, limbs, strength * left)
    hands = torch.ones_like(strength) if hands is None else hands[:, None]
    own_ends = torch.cat([(strength * hands).expand(-1, len(HAND_JOINTS)), strength.expand(-1, FEET)], 1)
    ends = place_ends(rest, driver, every, trunk, limbs, strength, own_ends, last)
    centre = rest_trunk.middles[:, :1, :2]
    head = rotate_scale(rest[:, HEAD_JOINTS, :2] - centre, trunk.angle * strength, trunk.growth * strength)
    middle_now = trunk.corners[:, :2].mean(1, keepdim=True)
    below = gather_rows(torch.cat([trunk.corners, middle, last, ends], 1), BELOW_HEAD)
    line = (trunk.corners[:, 0] - trunk.corners[:, 1]).norm(dim=-1, keepdim=True)
    facing = line / (bones[:, :1] * rest_trunk.size * (trunk.growth * strength).exp()).clamp_min(1e-4)
    depth = drive_depth(rest, driver, trunks, strength, facing)
    return torch.cat([torch.cat([head + middle_now, below], 1), depth], -1)


def measure_shoulders(
    rest: Trunk,
    driver: Trunk,
    neutral: Trunk,
    heads: tuple[HeadTransform, HeadTransform],
    unit: Tensor,
    strength: Tensor,
    torsos: tuple[Tensor, Tensor] | None,
    shrink: Tensor,
) -> ShoulderMotion:
    """How the shoulders have moved, of the picture, the driver now, and in the neutral. See `drive_body`.

    unit, strength, shrink (B, 1): canvas units of a camera unit, of displacements; with what strength the motion is
    drawn; log of the size that is left.
    Tracked shoulders are off by some per cent of their width, and by more while the head turns. Small differences from
    what the neck's motion predicts are therefore taken for noise, unless the clothes show them.
    """
    device, width = unit.device, rest.length[:, :1]
    necks = tuple(neck_of(head) for head in heads)
    neck_shift = (necks[1] - necks[0]) * NECK_FOLLOW
    neck_growth = (heads[1].scale / heads[0].scale)[:, None].log() * NECK_FOLLOW
    detected = (driver.visibility * neutral.visibility)[:, :1]
    shift = (driver.middles - neutral.middles)[:, 0, :2] * unit
    shift = neck_shift + detected * wiener_shrink(shift - neck_shift, SHOULDER_NOISE[0] * width)
    turn = line_turns(driver, neutral)[:, :1]
    # The shoulders' line shortens when one turns; the size of a body whose hips are seen does not.
    line = log_ratio(driver.length[:, :1], neutral.length[:, :1])
    changes = torch.cat([line, log_ratio(driver.size, neutral.size)], 1) + (shrink - neck_growth)
    noise = const_floats((*SHOULDER_NOISE[1:], SHOULDER_NOISE[2]), device)[:, None]
    changes = wiener_shrink(torch.cat([turn, changes], 1).unsqueeze(-1), noise)[..., 0] * detected
    if torsos is not None:
        torsos = torsos[0].expand(len(unit), -1, -1), torsos[1].expand(len(unit), -1, -1)
        trust = same_torso(*torsos)
        torso_shift = (torsos[0] - torsos[1])[..., :2].mean(1) * unit
        torso_shift = neck_shift + wiener_shrink(torso_shift - neck_shift, CLOTHES_NOISE * width)
        shift = torch.lerp(shift, torso_shift, trust)
        torso_turn, torso_growth = line_change(torsos[1], torsos[0])
        torso_growth = torso_growth + (shrink - neck_growth)
        torso_changes = wiener_shrink(torch.stack([torso_turn, torso_growth, torso_growth], 1), CLOTHES_NOISE)
        changes = torch.lerp(changes, torso_changes[..., 0], trust)
    aside = necks[0] - rest.middles[:, 0, :2]
    drawn = below_neck(aside, shift * strength, necks[1] - necks[0], (heads[0].scale, heads[1].scale))
    shift = shift + (drawn - shift * strength) / strength.clamp_min(MIN_STRENGTH)
    angle, line, growth = changes.split(1, 1)
    angle = angle.clamp(-MAX_TORSO_ANGLE, MAX_TORSO_ANGLE)
    return ShoulderMotion(shift, angle, line + neck_growth, growth + neck_growth)


def below_neck(aside: Tensor, shift: Tensor, neck_shift: Tensor, scales: tuple[Tensor, Tensor]) -> Tensor:
    """The displacement (B, 2) of shoulders, changed along the canvas's x so that the neck is beside their middle by
    less than `EASED_ASIDE` canonical units more than in the picture, or than `NECK_ASIDE` where it is nearer there.

    aside (B, 2): from the middle of the shoulders to the neck in the picture, canvas units. shift, neck_shift (B, 2):
    displacements of the shoulders and of the neck. scales (B,) each: of the heads in the picture, and now.
    """
    before, now = (scale[:, None] for scale in scales)
    away = (aside + neck_shift - shift)[:, :1] / now
    free = (aside[:, :1] / before).abs().clamp_min(NECK_ASIDE)
    excess = away - away.sign() * ease_beyond(away.abs(), free, EASED_ASIDE)
    return shift + F.pad(excess * now, (0, 1))


def steady_shoulders(neutral: Trunk, motion: ShoulderMotion, unit: Tensor, shrink: Tensor) -> Tensor:
    """The driver's shoulders (B, 2, 2), left and right, camera units, as they should be for the measured motion.

    Elbows and wrists are measured better than shoulders: with these the arms reach where the driver's do.
    """
    middle = neutral.middles[:, 0, :2] + motion.shift / unit.clamp_min(1e-4)
    half = rotate_scale(neutral.lines[:, :1], motion.angle, motion.line - shrink)[:, 0] / 2
    return torch.stack([middle + half, middle - half], 1)


def drive_trunk(
    rest: Trunk,
    driver: Trunk,
    neutral: Trunk,
    motion: ShoulderMotion,
    strength: Tensor,
    bones: Tensor,
    shrink: Tensor,
) -> TrunkMotion:
    """Where shoulders and hips go. driver: with `steady_shoulders`. strength, shrink (B, 1). See `drive_body`."""
    hips = torch.minimum(torch.minimum(driver.visibility, neutral.visibility), rest.visibility)[:, 1:]
    follow = 1 - rest.visibility[:, 1:] * (1 - HIP_FOLLOW)
    growth = motion.growth.clamp(-MAX_TORSO_GROWTH, MAX_TORSO_GROWTH)
    # The lines of shoulders and hips, the spine as the driver's, and the spine as part of a rigid torso.
    turns = line_turns(driver, neutral)
    growths = torch.cat([motion.line, log_ratio(driver.length, neutral.length)[:, 1:] + shrink], 1)
    # Hips are guessed lower as arms go up, and a torso that was made longer would pull its clothes along.
    spine = growth + wiener_shrink(growths[:, 2:] - growth, SPINE_NOISE)
    full = const_floats(USUAL_LINES, growth.device) * rest.size
    widening = F.pad(log_ratio(full, rest.length[:, :2]).clamp(*WIDENING), (0, 1), value=WIDENING[0])
    growths = torch.minimum(torch.cat([growths[:, :2], spine], 1), growth + widening)
    line, hip_line, spine = torch.maximum(growths, const_floats(MIN_LINE_GROWTH, growth.device)).split(1, 1)
    hip_line = torch.lerp(growth * follow, hip_line, hips)
    hip_turn = torch.lerp(motion.angle * follow, turns[:, 1:2], hips)
    turns = torch.cat([motion.angle, hip_turn, turns[:, 2:], motion.angle], 1) * strength
    growths = torch.cat([line, hip_line, spine, growth], 1) * strength
    width, length = bones[:, :2].split(1, 1)
    at_rest = (
        gather_rows(rest.lines, (0, 1, 2, 2)) * torch.cat([width, torch.ones_like(width), length, length], 1)[..., None]
    )
    shoulder_line, hip_line, own_spine, rigid_spine = rotate_scale(at_rest, turns, growths).unbind(1)
    shift = motion.shift * strength
    shoulders = rest.middles[:, 0, :2] + shift
    # Hips that are not seen stay behind, but no further than somebody leans.
    lean = (shift + rigid_spine - at_rest[:, 2]) * (1 - follow)
    lean = lean / (1 + lean.norm(dim=-1, keepdim=True) / (LEAN * rest.length[:, 2:] + 1e-4))
    hip_middle = shoulders + torch.lerp(rigid_spine - lean, own_spine, hips)
    halves = torch.stack([shoulder_line, -shoulder_line, hip_line, -hip_line], 1) / 2
    corners = torch.stack([shoulders, shoulders, hip_middle, hip_middle], 1) + halves
    lower = (at_rest[:, 2] - rest.lines[:, 2]).unsqueeze(1)
    return TrunkMotion(corners, motion.angle, growth, growth - motion.growth + shrink, lower)


def line_turns(driver: Trunk, neutral: Trunk) -> Tensor:
    """Rotations (B, 3) of the lines of torsos since the neutral, radians.

    A driver who turns to the side makes the lines of shoulders and hips short, so that their direction means little:
    then the spine tells. One who turns around exchanges their ends, which do not count.
    """
    change = driver.angle - neutral.angle
    spine = wrapped(change[:, 2:])
    lines = change[:, :2]
    lines = lines - math.pi * (lines / math.pi).round()
    usual = const_floats(USUAL_LINES, change.device)
    length = torch.minimum(driver.length[:, :2] / driver.size, neutral.length[:, :2] / neutral.size) / usual
    visibility = torch.minimum(driver.visibility, neutral.visibility)[:, 1:]
    return torch.cat([torch.lerp(spine * visibility, lines, smoothstep(*RELIABLE_LINE, length)), spine], 1)


def drive_depth(rest: Tensor, driver: Tensor, trunks: Trunk, strength: Tensor, facing: Tensor) -> Tensor:
    """z (B, 33, 1): the driver's relative to the middle of the torso, in the picture's size, where it is seen.

    facing (B, 1): width of the character's shoulders now, in sizes of the body, but for the width that `bones` give.
    """
    batch = len(rest)
    visibility = trunks.visibility[:, 1]
    hips = torch.minimum(visibility[:batch], visibility[batch : 2 * batch])[:, None]
    shoulders, hip = trunks.middles[..., 2:].unbind(1)
    middle = torch.lerp(shoulders, (shoulders + hip) / 2, hips.repeat(3, 1))[:, None]
    ratio = trunks.size[:batch] / trunks.size[2 * batch :].clamp_min(1e-4)
    at_rest = rest[..., 2:3] - middle[:batch]
    own = (driver[..., 2:3] - middle[batch : 2 * batch]) * ratio[:, None]
    # Arms that the picture hides behind the torso come before it only where the driver's are as far before their own,
    # until a torso seen from the side has turned to the front.
    hidden = ((1 - rest[:, ELBOWS, 3:]) * (1 - rest[:, WRISTS, 3:])).repeat(1, ARM_PAIRS, 1)
    facing_before = trunks.length[:batch, :1] / trunks.size[:batch].clamp_min(1e-4)
    before, now = (smoothstep(*TURNED_TO_FRONT, width) for width in (facing_before, facing))
    hidden = hidden * (1 - (now - before).clamp_min(0))[..., None]
    further = own + at_rest.clamp_min(0) * F.pad(hidden, (0, 0, LEFT_ELBOW, JOINTS - LEFT_HIP))
    own = torch.minimum(further, torch.maximum(own, at_rest))
    return middle[:batch] + torch.lerp(at_rest, own, driver[..., 3:] * strength[:, None].clamp_max(1))


def wiener_shrink(value: Tensor, noise: Tensor | float) -> Tensor:
    """Measured vectors (B, n) shrunk by power / (power + noise²), as in a Wiener filter: small ones vanish."""
    power = value.square().sum(-1, keepdim=True)
    return value * power / (power + noise**2)


def same_torso(now: Tensor, neutral: Tensor) -> Tensor:
    """How comparable measurements of the clothes (B, 2, 4) are: (B, 1), 0 across keyframes, else confidence 0..1."""
    same = (now[:, :1, 2] == neutral[:, :1, 2]).to(now.dtype)
    return same * torch.minimum(now[:, :1, 3], neutral[:, :1, 3]).clamp(0, 1)


def line_change(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Angle (radians) and log of length ratio, (B, 1) each, by which the line between two points (B, 2, ≥2) changes."""
    old, new = ((line[:, 1] - line[:, 0])[:, :2] for line in (before, after))
    cross = old[:, :1] * new[:, 1:] - old[:, 1:] * new[:, :1]
    ratio = log_ratio(new.norm(dim=-1, keepdim=True), old.norm(dim=-1, keepdim=True))
    return torch.atan2(cross, (old * new).sum(-1, keepdim=True) + 1e-9), ratio
