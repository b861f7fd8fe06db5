"""A driver's change from its own neutral, moved onto the picture's character."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.geometry.body import drive_body
from models.geometry.constants import gather_rows
from models.geometry.openings import (
    EYES,
    close_lids,
    eye_share,
    eye_width,
    lid_law,
    lid_opening,
    mouth_share,
    mouth_width,
    narrow_mouth,
    part_lips,
    widest,
    within,
)
from models.geometry.rig import Rig
from models.geometry.shading import shading
from models.geometry.topology import HeadTransform, head_pose
from models.motion import MOUTH_COLUMNS, MOUTH_ROWS, SHADE_SIDE, Driver


@dataclass(frozen=True)
class Strength:
    """How much of the driver's motion is taken over: floats or (B,) tensors, 0..2, 1 = as the driver does, 0 =
    still. teeth, 0..1: how far what his open mouth shows is drawn, instead of what the network makes up.
    """

    head: float | Tensor = 1.0
    face: float | Tensor = 1.0
    body: float | Tensor = 1.0
    light: float | Tensor = 1.0
    teeth: float | Tensor = 1.0


@dataclass(frozen=True)
class Pose:
    """What the character does now.

    face (B, 478, 3): target landmarks, canvas units. local (B, 478, 3): the same in the head frame, canonical units.
    rotation (B, 3, 3): head rotation relative to the picture. body (B, 33, 3): target joints. frame: the head's
    similarity. shade (B, 1, n, n): log of what the light changes by (models/geometry/shading.py). mouth (B, 4, h, w):
    what the
    driver's mouth shows (models/closeups/mouth.py).
    """

    face: Tensor
    local: Tensor
    rotation: Tensor
    body: Tensor
    head: HeadTransform
    shade: Tensor
    mouth: Tensor


def rest_pose(rig: Rig) -> Pose:
    """The picture's own pose."""
    local = rig.head.inverse(rig.face)
    eye = torch.eye(3, device=rig.face.device).expand(len(rig), -1, -1)
    shade, mouth = (
        rig.face.new_zeros(len(rig), 1, SHADE_SIDE, SHADE_SIDE),
        rig.face.new_zeros(len(rig), 4, MOUTH_ROWS, MOUTH_COLUMNS),
    )
    return Pose(rig.face, local, eye, rig.body[..., :3], rig.head, shade, mouth)


def retarget(rig: Rig, driver: Driver, neutral: Driver, strength: Strength | None = None) -> Pose:
    """The pose of B characters for B drivers: the picture's shape plus each driver's change from its neutral.

    Rotation is relative in the camera's frame; translation and expression are measured in the driver's face size and
    given back in the picture's. Strength 0 everywhere gives the picture's own pose.
    """
    strength = strength or Strength()
    now, then = head_pose(torch.cat([driver.face, neutral.face])).halves()
    head_strength, amount = column(strength.head, rig), column(strength.face, rig)
    delta = power(now.rotation @ then.rotation.mT, head_strength)
    zoom = (now.scale / then.scale).clamp(0.3, 3.0) ** head_strength
    move = (now.shift - then.shift) / then.scale[:, None] * rig.head.scale[:, None] * head_strength[:, None]
    head = HeadTransform(rig.head.scale * zoom, delta @ rig.head.rotation, rig.head.shift + move)
    local = express(rig.head.inverse(rig.face), now.inverse(driver.face), then.inverse(neutral.face), amount)
    face = head.apply(local)
    unit = rig.head.scale / then.scale
    torsos = driver.torso, neutral.torso
    body = drive_body(rig.body, (rig.head, head), driver.body, neutral.body, unit, column(strength.body, rig), torsos)
    shade = shading(driver.shade, neutral.shade, column(strength.light, rig) * rig.lit)
    mouth = driver.mouth.permute(0, 3, 1, 2) * column(strength.teeth, rig)[:, None, None, None]
    return Pose(face, local, delta, body, head, shade, mouth)


def express(rest: Tensor, now: Tensor, then: Tensor, amount: Tensor) -> Tensor:
    """The picture's local shape with the driver's expression; all (B, 478, 3) in head frames, amount (B,).

    Small features get the motion in their own size: mouth by the mouths' width, lids by the share of the neutral
    opening, gaze by the eyes' width.
    """
    size = (mouth_width(rest) / mouth_width(then)).clamp(0.6, 1.7)
    gain = 1 + mouth_share(rest.device) * (size[:, None] - 1)
    ratios, widths, most = [], [], widest(rest)
    for ring, _ in EYES:
        mine, his = lid_opening(rest, ring), lid_opening(then, ring)
        gain = gain * (1 + eye_share(ring, rest.device) * ((mine / his).clamp(0.5, 2.0)[:, None] - 1))
        wide, width = eye_width(rest, ring), eye_width(then, ring)
        narrower = (his / width) / (mine / wide)
        wanted = 1 + amount * (lid_law(lid_opening(now, ring) / his, narrower) - 1)
        ratios.append(within(wanted, most))
        widths.append((wide, width))
    local = rest + (amount[:, None] * gain)[..., None] * (now - then)
    for (ring, iris), ratio, (wide, width) in zip(EYES, ratios, widths, strict=True):
        local = close_lids(local, rest, ratio, ring)
        corners, ball = (ring[0], ring[8]), slice(iris, iris + 5)
        look = (now[:, iris] - gather_rows(now, corners).mean(1)) / eye_width(now, ring)[:, None]
        straight = (then[:, iris] - gather_rows(then, corners).mean(1)) / width[:, None]
        move = amount[:, None] * (look - straight) * wide[:, None]
        socket = (gather_rows(local, corners) - gather_rows(rest, corners)).mean(1)
        local[:, ball] = rest[:, ball] + (move + socket)[:, None]
    return part_lips(narrow_mouth(local, rest), rest)


def column(value: float | Tensor, rig: Rig) -> Tensor:
    """A strength as (B,)."""
    return torch.as_tensor(value, dtype=rig.face.dtype, device=rig.face.device).expand(len(rig))


def power(rotation: Tensor, amount: Tensor) -> Tensor:
    """(B, 3, 3) rotations turned `amount` (B,) times as far, about the same axes (Rodrigues)."""
    axis = torch.stack(
        [
            rotation[:, 2, 1] - rotation[:, 1, 2],
            rotation[:, 0, 2] - rotation[:, 2, 0],
            rotation[:, 1, 0] - rotation[:, 0, 1],
        ],
        -1,
    )
    sine = axis.norm(dim=-1) / 2
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    angle = torch.atan2(sine, (trace - 1) / 2)
    axis = axis / (2 * sine).clamp_min(1e-9)[:, None]
    turn = (angle * amount)[:, None, None]
    zero = torch.zeros_like(axis[:, 0])
    x, y, z = axis.unbind(-1)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).view(-1, 3, 3)
    return torch.eye(3, device=axis.device) + turn.sin() * cross + (1 - turn.cos()) * cross @ cross
