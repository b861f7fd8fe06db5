"""The proportions of bodies in the picture's plane: torsos and bones, and how long they are without foreshortening."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.body import (
    LEFT_FOOT,
    LEFT_HEEL,
    LEFT_INDEX,
    LEFT_WRIST,
    RIGHT_FOOT,
    RIGHT_HEEL,
    RIGHT_INDEX,
    RIGHT_WRIST,
    SHOULDER_PLACES,
)
from models.geometry.constants import const_floats, gather_rows, scatter_rows
from models.geometry.grid import smoothstep
from models.geometry.limb_curve import FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS

# Bones: upper arms and thighs, forearms and shins, hands and feet, each in the order of the limbs.
LIMB_BONE_STARTS = (*FIRST_JOINTS, *SECOND_JOINTS, LEFT_WRIST, RIGHT_WRIST, LEFT_HEEL, RIGHT_HEEL)
LIMB_BONE_ENDS = (*SECOND_JOINTS, *THIRD_JOINTS, LEFT_INDEX, RIGHT_INDEX, LEFT_FOOT, RIGHT_FOOT)
UPPER, LOWER, ENDS = slice(0, 4), slice(4, 8), slice(8, 12)  # of the bones
# Full lengths of a person's bones in sizes of the body (`Trunk.size`): measured on clips of eight people, as far as the
# plane shows them unforeshortened.
USUAL_LENGTHS = (0.86, 0.86, 1.2, 1.2, 0.72, 0.72, 1.15, 1.15, 0.26, 0.26, 0.45, 0.45)
USUAL_LINES = (1.0, 0.68)  # full lengths of the lines of shoulders and hips, in sizes of the body
SPINE_SIZE = 0.62  # a body's size over the length of its spine; the shoulders' width may be foreshortened
HEAD_SIZE = SHOULDER_PLACES[0][0] - SHOULDER_PLACES[1][0]  # canonical units: a body's size where no shoulders are seen
DEPTH_TRUST = 0.5  # factor of z within a limb, which MediaPipe measures about twice as deep as it is
MIN_SIZE = 1e-4  # of a body, for joints that all lie in one place
MAX_TRAVEL = 0.7  # log, of the ratio of bodies over that of heads, by which displacements differ
LARGEST = 10.0  # canvas or camera units: a joint further away is not one


class Bones(NamedTuple):
    """The bones of N bodies, (N, 12) each.

    length: in the picture's plane, in the joints' units. angle: direction there, radians. full: length without
    foreshortening. visibility: 0..1, whether both joints are seen.
    """

    length: Tensor
    angle: Tensor
    full: Tensor
    visibility: Tensor


class Trunk(NamedTuple):
    """The torsos of N bodies.

    middles: (N, 2, 3), of the shoulders and of the hips. lines: (N, 3, 2), from the right shoulder to the left one,
    from the right hip to the left one, and the spine from the shoulders to the hips. length, angle: (N, 3), of the
    lines. visibility: (N, 2), 0..1, whether both shoulders are seen, and whether the hips are as well. size: (N, 1),
    of the body: the shoulders' width without foreshortening.
    """

    middles: Tensor
    lines: Tensor
    length: Tensor
    angle: Tensor
    visibility: Tensor
    size: Tensor


def sanitized(joints: Tensor) -> Tensor:
    """Joints (N, 33, 4) with 0..1 in place of the visibility, whether a joint is seen and inside the picture; one that
    is no number, or far away, is 0. An elbow or a knee between two joints that are seen counts as they do: where it is
    hidden, or out of the picture, it is guessed well.
    """
    known = (joints.abs() <= LARGEST).all(-1, keepdim=True)  # false for NaN
    place, visibility = torch.where(known, joints, torch.zeros_like(joints)).split([3, 1], -1)
    inside = 1 - smoothstep(1.0, 1.2, place[..., :2].abs().amax(-1, keepdim=True))
    visibility = smoothstep(0.4, 0.8, visibility) * inside
    first, middle, last = (gather_rows(visibility, rows) for rows in (FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS))
    visibility = scatter_rows(visibility, SECOND_JOINTS, torch.maximum(middle, torch.minimum(first, last)))
    return torch.cat([place, visibility], -1)


def trunk_of(joints: Tensor, head_scale: Tensor) -> Trunk:
    """The torsos of joints (N, 33, 4) that `sanitized` made, of bodies with heads of head_scale (N,)."""
    corners = gather_rows(joints, FIRST_JOINTS)
    lefts, rights = corners[:, 0::2], corners[:, 1::2]
    middles = ((lefts + rights) / 2)[..., :3]
    spine = middles[:, 1:] - middles[:, :1]
    lines = torch.cat([lefts - rights, F.pad(spine, (0, 1))], 1)[..., :2]
    length = lines.norm(dim=-1)
    shoulders_visibility, hips_visibility = torch.minimum(lefts, rights)[..., 3].unbind(-1)
    hips_visibility = torch.minimum(shoulders_visibility, hips_visibility)
    size = torch.maximum(length[:, 0], SPINE_SIZE * length[:, 2] * hips_visibility)
    size = torch.lerp(HEAD_SIZE * head_scale, size, shoulders_visibility).clamp_min(MIN_SIZE)
    angle = torch.atan2(lines[..., 1], lines[..., 0])
    return Trunk(middles, lines, length, angle, torch.stack([shoulders_visibility, hips_visibility], 1), size[:, None])


def travel_factor(rest: Tensor, neutral: Tensor, unit: Tensor) -> Tensor:
    """(B,) factor for displacements that `unit` (B,), canvas units per camera unit by the sizes of heads, converted.

    Somebody who is seen to the hips walks in sizes of the body: their head is small then, and measured worse. Joints
    rest (B, 33, 4): of the picture, canvas units; neutral (B or 1, 33, 4): of the driver, camera units.
    """
    joints = sanitized(torch.cat([rest, neutral.expand_as(rest)]))
    trunks = trunk_of(joints, joints.new_ones(len(joints)))
    hips, hips_before = trunks.visibility[:, 1].chunk(2)
    size, before = trunks.size[:, 0].chunk(2)
    change = (size / before / unit.clamp_min(1e-4)).log().clamp(-MAX_TRAVEL, MAX_TRAVEL)
    return (torch.minimum(hips, hips_before) * change).exp()


def with_shoulders(trunk: Trunk, shoulders: Tensor) -> Trunk:
    """The torsos with other shoulders (N, 2, 2), left and right; size and depth stay."""
    line, middle = shoulders[:, :1] - shoulders[:, 1:], shoulders.mean(1, keepdim=True)
    lines = torch.cat([line, trunk.lines[:, 1:2], trunk.middles[:, 1:, :2] - middle], 1)
    return trunk._replace(lines=lines, length=lines.norm(dim=-1), angle=torch.atan2(lines[..., 1], lines[..., 0]))


def bones_of(joints: Tensor, size: Tensor) -> Bones:
    """The bones of joints (N, 33, 4) that `sanitized` made, of bodies of these sizes (N, 1).

    The full length of a bone that looks shorter than is usual is the usual one, as far as z says that it points out of
    the plane. z alone is too noisy: on clips of eight people lengths were off by 17 % of the shoulders' width with it,
    and by 3 % so.
    """
    starts, ends = gather_rows(joints, LIMB_BONE_STARTS), gather_rows(joints, LIMB_BONE_ENDS)
    x, y, z, _ = (ends - starts).unbind(-1)
    length = torch.hypot(x, y)
    usual = const_floats(USUAL_LENGTHS, joints.device) * size
    full = torch.maximum(length, torch.minimum(usual, torch.hypot(length, DEPTH_TRUST * z)))
    visibility = torch.minimum(starts[..., 3], ends[..., 3])
    return Bones(length, torch.atan2(y, x), torch.lerp(usual, full, visibility), visibility)
