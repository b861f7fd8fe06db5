"""How far a head turns: beyond what its pictures show, the turn eases off, and the sheet around it turns less far."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from models.geometry.constants import const_floats
from models.geometry.grid import ease_beyond
from models.geometry.skull import SKULL_CENTRE
from models.geometry.topology import HeadTransform, rotation_about

SHOWN_TURN = math.radians(50)  # from a picture's own yaw, or its mirror image's, up to which a turn is drawn in full
FLAT_TURN = math.radians(24)  # the same of what is no head
EASED_TURN = math.radians(20)  # further, which no turn exceeds
BACK_TURN = math.radians(130)  # seen from behind, from which on a turn goes back: left and right meet at 180 degrees
TILT = math.radians(55)  # since the picture was taken: to a shoulder, up and down; up to it a tilt is drawn in full
EASED_TILT = math.radians(20)  # further, which no tilt exceeds: a neck gives no more
SHEET_TURN = math.radians(60)  # out of the picture's plane, up to which what surrounds a head turns along in full
EASED_SHEET_TURN = math.radians(12)  # further, which it never exceeds: at a right angle it would fold over


def turn_limit(heads: Sequence[HeadTransform], has_skull: Tensor | None = None) -> Tensor:
    """(B,) radians, the yaw to either side up to which heads turn in full, by the poses of their pictures.

    A head has two sides alike, so that the picture of one also shows the other. has_skull (B,): `Kind.skull`; what is
    no head turns less far, since it has no other side; None: all are heads.
    """
    limit = torch.stack([yaw_of(head).abs() for head in heads]).amax(0) + SHOWN_TURN
    return limit if has_skull is None else torch.lerp(torch.full_like(limit, FLAT_TURN), limit, has_skull)


def yaw_of(head: HeadTransform) -> Tensor:
    """(B,) radians, how far heads are turned to a side, about their own vertical; positive to the image's right."""
    return torch.atan2(head.rotation[:, 2, 0], head.rotation[:, 2, 2])


def ease_turn(head: HeadTransform, limit: Tensor) -> HeadTransform:
    """Heads that turn no further than `EASED_TURN` beyond their limit (B,), radians: below it unchanged, above it
    continuous in the wanted turn, also where that passes the back of the head. They are turned back about their own
    vertical through the middle of the skull.
    """
    yaw = yaw_of(head)
    back = yaw - eased_angle(yaw, limit, EASED_TURN)
    return about_skull(head, head.rotation @ about_axis(back, 1))


def eased_angle(angle: Tensor, limit: Tensor, band: float) -> Tensor:
    """Angles (B,), −π..π, of which those beyond a limit (B,) grow by less than `band`. From `BACK_TURN` on they go
    back, so that nothing jumps at π.
    """
    size = angle.abs()
    behind = (math.pi - size) / (math.pi - limit.clamp_min(BACK_TURN))
    return angle.sign() * ease_beyond(size, limit, band) * behind.clamp(0, 1)


def ease_tilt(rest: HeadTransform, head: HeadTransform) -> HeadTransform:
    """Heads that tilt to a shoulder, and up and down, by at most `TILT` + `EASED_TILT` since the picture was taken.
    They are tilted back about the camera's axes through the middle of the skull.
    """
    limit = torch.full_like(head.scale, TILT)
    rotation = head.rotation
    for axis in (2, 0):
        turned = rotation @ rest.rotation.mT
        first, second = (axis + 1) % 3, (axis + 2) % 3
        sine = turned[:, second, first] - turned[:, first, second]
        tilt = torch.atan2(sine, turned[:, first, first] + turned[:, second, second])
        rotation = about_axis(eased_angle(tilt, limit, EASED_TILT) - tilt, axis) @ rotation
    return about_skull(head, rotation)


def about_axis(angle: Tensor, axis: int) -> Tensor:
    """Rotations (B, 3, 3) by angles (B,) about the axis with this number."""
    cosine, sine, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    rows = [[cosine, -sine, zero], [sine, cosine, zero], [zero, zero, one]]
    order = [(axis + 1) % 3, (axis + 2) % 3, axis]
    place = [order.index(k) for k in range(3)]
    return torch.stack([rows[i][j] for i in place for j in place], -1).view(-1, 3, 3)


def sheet_head(rest: HeadTransform, head: HeadTransform) -> HeadTransform:
    """The heads that hair, ears and neck around them go along with: turned out of the picture's plane by at most
    `SHEET_TURN` + `EASED_SHEET_TURN` since the picture was taken.

    What surrounds a head is a sheet with depth. Turned by a right angle it has no width, and further it folds over.
    """
    turned = head.rotation @ rest.rotation.mT
    axis = torch.stack([-turned[:, 1, 2], turned[:, 0, 2], torch.zeros_like(turned[:, 0, 2])], -1)
    sine = axis.norm(dim=-1)
    angle = torch.atan2(sine, turned[:, 2, 2])
    back = ease_beyond(angle, SHEET_TURN, EASED_SHEET_TURN) - angle
    turn = rotation_about(axis / sine.clamp_min(1e-6)[:, None], back)
    return about_skull(head, turn @ head.rotation)


def about_skull(head: HeadTransform, rotation: Tensor) -> HeadTransform:
    """The heads with another rotation (B, 3, 3), about the middles of their skulls."""
    centre = const_floats((SKULL_CENTRE,), rotation.device).mT
    shift = head.shift + head.scale[:, None] * ((head.rotation - rotation) @ centre)[..., 0]
    return HeadTransform(head.scale, rotation, shift)
