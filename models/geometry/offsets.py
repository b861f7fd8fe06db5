"""Constant turns of head and gaze, added to the driver's: for a camera that stands beside what the driver looks at."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.geometry.constants import const_floats
from models.geometry.topology import HeadTransform
from models.geometry.turn_limit import about_axis

NECK = (0.0, 1.35, 0.8)  # canonical units: where the head sits on the neck
EYEBALL_RADIUS = 0.4  # widths of the eye: 12 mm of some 30 mm


@dataclass(frozen=True)
class Offsets:
    """Turns of B heads and gazes on the camera's axes, radians; 0 changes nothing.

    turn: (B, 3) of the head about x, y and z, z first. gaze: (B, 2) of the eyes within the head about x and y.
    """

    turn: Tensor
    gaze: Tensor


def turn_head(head: HeadTransform, turn: Tensor) -> HeadTransform:
    """The heads, turned by (B, 3) about their necks. A head that is not turned is unchanged to the last bit."""
    x, y, z = (about_axis(angle, axis) for axis, angle in enumerate(turn.unbind(-1)))
    rotation = y @ x @ z @ head.rotation
    neck = const_floats((NECK,), turn.device).mT
    shift = head.shift + head.scale[:, None] * ((head.rotation - rotation) @ neck)[..., 0]
    return HeadTransform(head.scale, rotation, shift)


def neck_of(head: HeadTransform) -> Tensor:
    """(B, 2) where heads sit on their necks, in the units of their transforms."""
    return head.apply(const_floats((NECK,), head.scale.device).expand(len(head.scale), -1, -1))[:, 0, :2]


def gaze_shift(gaze: Tensor) -> Tensor:
    """(B, 3) by how much irises move when the eyes turn by (B, 2), in widths of the eye, on the head's axes."""
    down, left = gaze.sin().unbind(-1)
    return EYEBALL_RADIUS * torch.stack([-left, down, torch.zeros_like(down)], -1)
