"""Poses of many characters at once, on any device: expression, gaze, bones, head and body, as `Character.pose`.

P pictures show C characters; `character` (P,) long is the index of the one that a picture shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from training.render.arrays import Array
from training.render.character.act import Act
from training.render.character.character import BODY_PIVOT, HEAD_PIVOT
from training.render.device.device_figure import Device, FigureBatch, StudioTensors


@dataclass(frozen=True)
class ActBatch:
    """Animation parameters of P pictures; fields as in Act with a leading axis, and bone_transforms (P, B, 3, 4)."""

    expression: Tensor
    gaze: Tensor
    head: Tensor
    translation: Tensor
    lean: Tensor
    shrug: Tensor
    bone_transforms: Tensor

    @classmethod
    def pack(cls, acts: Sequence[Act], bone_transforms: Array, device: Device) -> ActBatch:
        """Stack acts; bone_transforms (P, B, 3, 4): from `Figure.bone_transforms`."""
        names = [field.name for field in fields(cls) if field.name != "bone_transforms"]
        # One copy to the device for all fields.
        rows = np.stack([np.concatenate([getattr(act, name) for name in names]) for act in acts]).astype(np.float32)
        widths = [len(getattr(acts[0], name)) for name in names]
        parts = [part.contiguous() for part in torch.from_numpy(rows).to(device).split(widths, 1)]
        return cls(**dict(zip(names, parts, strict=True)), bone_transforms=torch.from_numpy(bone_transforms).to(device))

    def pick(self, pictures: Sequence[int] | Tensor) -> ActBatch:
        """The acts of some pictures."""
        return ActBatch(*(getattr(self, field.name)[pictures] for field in fields(self)))


def rotation(turn: Tensor) -> Tensor:
    """Rotation matrices (P, 3, 3) of pitch, yaw, roll (P, 3), as `act.rotation`."""
    (ca, cb, cc), (sa, sb, sc) = turn.cos().unbind(1), turn.sin().unbind(1)
    zero, one = torch.zeros_like(ca), torch.ones_like(ca)
    x = torch.stack([one, zero, zero, zero, ca, -sa, zero, sa, ca], 1).view(-1, 3, 3)
    y = torch.stack([cb, zero, sb, zero, one, zero, -sb, zero, cb], 1).view(-1, 3, 3)
    z = torch.stack([cc, -sc, zero, sc, cc, zero, zero, zero, one], 1).view(-1, 3, 3)
    return y @ x @ z


def to_world(points: Tensor, weight: Tensor, acts: ActBatch, is_bust: Tensor, lean: Tensor | None = None) -> Tensor:
    """World positions of points (P, N, 3) that have expression and bones applied, as `Character.to_world`.

    weight (P, N, 1): skin weight of the head. is_bust (P, 1). lean (P, N, 1): how far each follows when the body leans.
    """
    head_pivot, body_pivot = (points.new_tensor(pivot) for pivot in (HEAD_PIVOT, BODY_PIVOT))
    rotated = (points - head_pivot) @ rotation(acts.head).mT + head_pivot
    x, y = points[..., 0], points[..., 1]
    lift = is_bust * ((x.abs() - 5) / 11).clamp(0, 1) * ((y + 48) / 30).clamp(0, 1)
    raised = y + lift * torch.where(x < 0, acts.shrug[:, :1], acts.shrug[:, 1:])
    body = torch.stack([x, raised, points[..., 2]], 2)
    moved = torch.lerp(body, rotated, weight)
    leaned = (moved - body_pivot) @ rotation(acts.lean).mT + body_pivot
    if lean is not None:
        leaned = torch.lerp(moved, leaned, lean)
    return leaned + acts.translation[:, None]


def skin_points(points: Tensor, bones: Tensor, weights: Tensor, bone_transforms: Tensor) -> Tensor:
    """Linear-blend skinning of points (P, N, 3) by bones (P, N, K) with weights (P, N, K); transforms (P, B, 3, 4)."""
    flat = bone_transforms.flatten(2)  # (P, B, 12)
    mixed = torch.zeros(*points.shape[:2], 12, device=points.device)
    for k in range(bones.shape[2]):
        mixed += weights[..., k, None] * flat.gather(1, bones[..., k, None].expand(-1, -1, 12))
    mixed = mixed.view(*points.shape[:2], 3, 4)
    return (mixed[..., :3] * points[..., None, :]).sum(3) + mixed[..., 3]


@dataclass(frozen=True)
class PoseBatch:
    """P posed characters."""

    vertices: Tensor  # (P, V, 3) world, cm
    brightness: Tensor  # (P, V) 0..1
    model: Tensor  # (P, M, 3) the face model's vertices with the expression, before any rotation
    gaze: Tensor  # (P, 3, 3) rotation of the eyeballs in the frame of the head


def pose(studio: StudioTensors, figures: FigureBatch, character: Tensor, acts: ActBatch) -> PoseBatch:
    """As `Character.pose`, for P pictures at once."""
    scale = figures.local_scale[character]
    count = scale.shape[1]
    change = (acts.expression @ studio.expression).view(-1, count, 3) * scale
    rest = figures.rest[character]
    model = rest[:, :count] + change
    expression_vertex = figures.expression_vertex[character][..., None].expand(-1, -1, 3)
    rest = rest + F.pad(change, (0, 0, 0, 1)).gather(1, expression_vertex)  # the padded vertex has no offset
    no_roll = torch.zeros_like(acts.gaze[:, :1])
    gaze = rotation(torch.cat([-acts.gaze[:, 1:], acts.gaze[:, :1], no_roll], 1))
    eye = figures.eye[character]
    ball = rest @ gaze.mT
    centre = figures.eye_centre[character].gather(1, eye[..., None].expand(-1, -1, 3))
    radius = figures.eye_radius[character].gather(1, eye[..., None])
    rest = torch.where(eye[..., None] > 0, centre + ball * radius, rest)
    # Upper lid and lashes shade the upper part of the eyeball.
    lid_shade = 1 - 0.45 * (ball[..., 1] * 2.2 - 0.1).clamp(0, 1)
    brightness = torch.where(eye > 0, lid_shade, figures.brightness[character])
    weights = figures.bone_weights[character]
    skinned = skin_points(rest, figures.bones[character], weights, acts.bone_transforms)
    rest = torch.where(weights.sum(2, keepdim=True) > 0, skinned, rest)
    head_weight, lean_weight = figures.head_weight[character], figures.lean_weight[character]
    world = to_world(rest, head_weight, acts, figures.is_bust[character], lean_weight)
    return PoseBatch(world, brightness, model, gaze)
