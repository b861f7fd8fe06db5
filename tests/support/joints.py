"""Joints of people who stand in front of the camera."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from models.geometry.body import (
    HAND_JOINTS,
    HAND_WRISTS,
    HANGING,
    JOINTS,
    LEFT_ANKLE,
    LEFT_ELBOW,
    LEFT_FOOT,
    LEFT_HEEL,
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_SHOULDER,
    LEFT_WRIST,
)

STANDING = {
    LEFT_SHOULDER: (0.15, -0.5),
    LEFT_ELBOW: (0.2, -0.25),
    LEFT_WRIST: (0.22, -0.03),
    LEFT_HIP: (0.1, 0.0),
    LEFT_KNEE: (0.11, 0.36),
    LEFT_ANKLE: (0.11, 0.7),
    LEFT_HEEL: (0.1, 0.73),
    LEFT_FOOT: (0.15, 0.78),
}  # x, y of the left joints; the right ones mirror them


def mirrored_joints(left: Mapping[int, tuple[float, float]]) -> Tensor:
    """(33, 4) visible joints at z 0: those of the left side at x, y, those of the right mirrored about x = 0."""
    joints = torch.zeros(JOINTS, 4)
    joints[:, 3] = 1
    for joint, (x, y) in left.items():
        joints[joint, :2], joints[joint + 1, :2] = torch.tensor([x, y]), torch.tensor([-x, y])
    return joints


def standing() -> Tensor:
    """(1, 33, 4) joints of somebody who stands upright, arms hanging, all of them seen, a little of z in the limbs."""
    joints = mirrored_joints(STANDING)[None]
    joints[:, :LEFT_SHOULDER, 1] = -0.7
    for place, (joint, wrist) in enumerate(zip(HAND_JOINTS, HAND_WRISTS, strict=True)):
        joints[0, joint, :2] = joints[0, wrist, :2] + torch.tensor([0.015 * (place % 3 - 1), 0.07])
    joints[0, LEFT_ELBOW:, 2] = 0.02
    return joints


def bent(joints: Tensor, first: int, degrees: float, length: float = 1.0) -> Tensor:
    """A copy of joints (1, 33, 4) in which the bone that begins at joint number `first` points elsewhere.

    degrees: clockwise on the screen from straight to the right, so that 90 is down. length: factor of its length. What
    hangs on the bone moves along without turning. first: a shoulder, an elbow, a hip or a knee.
    """
    end = first + 2
    arm, leg = (LEFT_WRIST, *HANGING[LEFT_WRIST]), (LEFT_ANKLE, *HANGING[LEFT_ANKLE])
    below = {LEFT_SHOULDER: (LEFT_ELBOW, *arm), LEFT_ELBOW: arm, LEFT_HIP: (LEFT_KNEE, *leg), LEFT_KNEE: leg}
    odd = 1 - first % 2
    moved = joints.clone()
    bone = joints[0, end, :2] - joints[0, first, :2]
    angle = torch.deg2rad(torch.tensor(degrees))
    shift = bone.norm() * length * torch.stack([angle.cos(), angle.sin()]) - bone
    moved[0, [joint + odd for joint in below[first - odd]], :2] += shift
    return moved


def turned_about_first(body: Tensor, joints: Sequence[int], degrees: float) -> Tensor:
    """Joints (1, 33, ≥2), those of these numbers turned about the first of them in the picture's plane."""
    angle, numbers, turned = math.radians(degrees), list(joints), body.clone()
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre = body[:, numbers[:1], :2]
    turned[:, numbers, :2] = (body[:, numbers, :2] - centre) @ turn.T + centre
    return turned
