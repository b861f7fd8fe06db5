"""The curve that a limb follows: from its joints to places along and across it, in the picture and in every frame.

A limb is an arm, a leg or a finger. Its polyline has five points: the cap, inside the torso, then shoulder, elbow,
wrist and fingertips, or hip, knee, ankle and toes; a finger's cap is inside the palm, and its three joints and its tip
follow. A place on it is (s, d): s along it, −1 at the cap, 0, 1 and 2 at the joints, 3 at the tip; d across it, the
signed distance in canvas units, positive on the right of somebody who walks along it on the screen.

Limbs are drawn as pieces: arms and legs in two segments each, then, where a picture shows them, the fingers of the left
and of the right hand, thumb first, as one piece each. The tables `PIECE_…` say what belongs to each piece.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.body import (
    LEFT_ANKLE,
    LEFT_ELBOW,
    LEFT_FOOT,
    LEFT_HIP,
    LEFT_INDEX,
    LEFT_KNEE,
    LEFT_PINKY,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ANKLE,
    RIGHT_ELBOW,
    RIGHT_FOOT,
    RIGHT_HIP,
    RIGHT_INDEX,
    RIGHT_KNEE,
    RIGHT_PINKY,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)
from models.geometry.constants import const_floats, gather_rows
from models.geometry.grid import smoothstep

LIMBS = 4  # left arm, right arm, left leg, right leg
LEGS = slice(2, LIMBS)
SEGMENTS_OF_LIMB = 2  # upper arm and forearm with hand, thigh and shin with foot
LIMB_PIECES = LIMBS * SEGMENTS_OF_LIMB  # in the order of limbs, the upper segment of each first
FINGERS = 5  # of one hand: thumb, index, middle, ring, little finger
LINES = LIMBS + 2 * FINGERS  # polylines
PIECES = LIMB_PIECES + 2 * FINGERS
FOREARM_PIECES = (1, 3)  # forearms with hands, left and right
LEG_PIECES = tuple(range(LIMB_PIECES // 2, LIMB_PIECES))
PIECE_LINES = (0, 0, 1, 1, 2, 2, 3, 3, *range(LIMBS, LINES))  # number of the polyline of each
PIECE_TWINS = (2, 3, 0, 1, 6, 7, 4, 5, 13, 14, 15, 16, 17, 8, 9, 10, 11, 12)  # the same piece on the other side
PIECE_HOLDERS = (
    *range(LIMB_PIECES),
    *(FOREARM_PIECES[:1] * FINGERS),
    *(FOREARM_PIECES[1:] * FINGERS),
)  # a finger's forearm
LIMB_START, LIMB_END = -0.6, 3.1  # s of a limb's first and last sample
LIMB_SAMPLES = 38  # values of s at which a limb's half widths are known, evenly spaced
BEND_REACH = 0.4  # s on both sides of a joint over which the limb turns from one bone to the next

FIRST_JOINTS = (LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP)  # of the limbs
SECOND_JOINTS = (LEFT_ELBOW, RIGHT_ELBOW, LEFT_KNEE, RIGHT_KNEE)
THIRD_JOINTS = (LEFT_WRIST, RIGHT_WRIST, LEFT_ANKLE, RIGHT_ANKLE)
TIP_JOINTS = (LEFT_INDEX, RIGHT_INDEX, LEFT_FOOT, RIGHT_FOOT)
OTHER_TIP_JOINTS = (LEFT_PINKY, RIGHT_PINKY, LEFT_FOOT, RIGHT_FOOT)
# Of the tips beyond the third joint, over the distance of the middle of the tip joints.
TIP_REACH = (1.9, 1.9, 1.3, 1.3)
CAP_LENGTH = 0.35  # of the bone before the first joint, over the one behind it
FINGERTIP_REACH = 1.3  # of the last bone of a finger, over the distance of its points: to the end of the finger


def limb_polylines(body: Tensor) -> Tensor:
    """(B, 4, 5, 2) polylines of joints (B, 33, ≥2), with caps that go on straight inwards from the first joint.

    These are the caps of the picture; in a frame they move with the torso (`models/geometry/limb_motion.py`).
    """
    first, second, third, tip, other = (
        gather_rows(body, joints)[..., :2]
        for joints in (FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS, TIP_JOINTS, OTHER_TIP_JOINTS)
    )
    reach = const_floats(TIP_REACH, body.device)[:, None]
    tips = third + reach * ((tip + other) / 2 - third)
    return torch.stack([first - CAP_LENGTH * (second - first), first, second, third, tips], 2)


def finger_polylines(hands: Tensor) -> Tensor:
    """(B, 10, 5, 2) polylines of the fingers of hands (B, 2, 21, ≥2), the left hand's first."""
    points = hands[..., 1:, :2].unflatten(2, (FINGERS, 4)).flatten(1, 2)
    first, second, third, tip = points.unbind(2)
    tips = third + FINGERTIP_REACH * (tip - third)
    return torch.stack([first - CAP_LENGTH * (second - first), first, second, third, tips], 2)


def limb_samples(device: torch.device) -> Tensor:
    """(`LIMB_SAMPLES`,) the values of s at which a limb's half widths are known."""
    return torch.linspace(LIMB_START, LIMB_END, LIMB_SAMPLES, device=device)


def bone_turns(polylines: Tensor) -> tuple[Tensor, Tensor]:
    """Directions (…, 4, 2) of the bones of polylines (…, 5, 2), and the signed angles (…, 3) from each to the next."""
    direction = F.normalize(polylines.diff(dim=-2), dim=-1, eps=1e-6)
    before, after = direction[..., :-1, :], direction[..., 1:, :]
    cross = before[..., 0] * after[..., 1] - before[..., 1] * after[..., 0]
    return direction, torch.atan2(cross, (before * after).sum(-1) + 1e-9)


def place_on_limb(polylines: Tensor, s: Tensor, d: Tensor) -> Tensor:
    """Canvas points (…, N, 2) at (s, d) of limbs with polylines (…, 5, 2). s (N,) or (…, N); d (…, N), canvas units.

    Along the bones the points lie straight; around a joint the normal turns smoothly from one bone's to the next, so
    that a bent limb is rounded outside and folded inside.
    """
    s = s.expand(d.shape)
    at = (s + 1).clamp(0, 4 - 1e-4)
    bone = at.floor().long()
    index = bone.unsqueeze(-1).expand(*bone.shape, 2)
    starts, ends = polylines[..., :-1, :].gather(-2, index), polylines[..., 1:, :].gather(-2, index)
    middle = starts + (ends - starts) * (s + 1 - bone).unsqueeze(-1)  # also beyond the tip
    direction, turns = bone_turns(polylines)
    joints = torch.arange(3, device=s.device, dtype=s.dtype)
    share = smoothstep(-BEND_REACH, BEND_REACH, s.unsqueeze(-1) - joints)
    heading = torch.atan2(direction[..., :1, 1], direction[..., :1, 0]) + (share * turns.unsqueeze(-2)).sum(-1)
    normal = torch.stack([-heading.sin(), heading.cos()], -1)
    return middle + normal * d.unsqueeze(-1)
