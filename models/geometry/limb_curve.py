"""The curve that a limb follows: from its joints to places along and across it, in the picture and in every frame.

A limb is an arm or a leg. Its polyline has five points: the cap, inside the torso, then shoulder, elbow, wrist and
fingertips, or hip, knee, ankle and toes. A place on it is (s, d): s along it, −1 at the cap, 0, 1 and 2 at the joints,
3 at the tip; d across it, the signed distance in canvas units, positive on the right of somebody who walks along it on
the screen.
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
SEGMENTS_OF_LIMB = 2  # upper arm and forearm with hand, thigh and shin with foot
PIECES = LIMBS * SEGMENTS_OF_LIMB  # in the order of limbs, the upper segment of each first
LIMB_START, LIMB_END = -0.6, 3.1  # s of a limb's first and last sample
LIMB_SAMPLES = 38  # values of s at which a limb's half widths are known, evenly spaced
BEND_REACH = 0.4  # s on both sides of a joint over which the limb turns from one bone to the next

FIRST_JOINTS = (LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP)  # of the limbs
SECOND_JOINTS = (LEFT_ELBOW, RIGHT_ELBOW, LEFT_KNEE, RIGHT_KNEE)
THIRD_JOINTS = (LEFT_WRIST, RIGHT_WRIST, LEFT_ANKLE, RIGHT_ANKLE)
TIP_JOINTS = (LEFT_INDEX, RIGHT_INDEX, LEFT_FOOT, RIGHT_FOOT)
OTHER_TIP_JOINTS = (LEFT_PINKY, RIGHT_PINKY, LEFT_FOOT, RIGHT_FOOT)
TIP_REACH = (
    1.9,
    1.9,
    1.15,
    1.15,
)  # of the tips beyond the third joint, over the distance of the middle of the tip joints
CAP_LENGTH = 0.35  # of the bone before the first joint, over the one behind it


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
