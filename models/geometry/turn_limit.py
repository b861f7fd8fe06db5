"""How far a head turns to its sides: beyond what its pictures show, the turn eases off."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from models.geometry.constants import const_floats
from models.geometry.skull import SKULL_CENTRE
from models.geometry.topology import HeadTransform

SHOWN_TURN = math.radians(50)  # from a picture's own yaw, or its mirror image's, up to which a turn is drawn in full
EASED_TURN = math.radians(20)  # further, which no turn exceeds


def turn_limit(heads: Sequence[HeadTransform]) -> Tensor:
    """(B,) radians, the yaw to either side up to which heads turn in full, by the poses of their pictures.

    A head has two sides alike, so that the picture of one also shows the other.
    """
    return torch.stack([yaw_of(head).abs() for head in heads]).amax(0) + SHOWN_TURN


def yaw_of(head: HeadTransform) -> Tensor:
    """(B,) radians, how far heads are turned to a side, seen along their own vertical."""
    return torch.atan2(head.rotation[:, 2, 0], head.rotation[:, 2, 2])


def ease_turn(head: HeadTransform, limit: Tensor) -> HeadTransform:
    """Heads that turn no further than `EASED_TURN` beyond their limit (B,), radians: below it unchanged, above it
    continuously differentiable. They are turned back about their own vertical through the middle of the skull.
    """
    yaw = yaw_of(head)
    beyond = (yaw.abs() - limit).clamp_min(0)
    back = yaw.sign() * (beyond - EASED_TURN * torch.tanh(beyond / EASED_TURN))
    cosine, sine, zero, one = back.cos(), back.sin(), torch.zeros_like(back), torch.ones_like(back)
    turn = torch.stack([cosine, zero, sine, zero, one, zero, -sine, zero, cosine], -1).view(-1, 3, 3)
    rotation = head.rotation @ turn
    centre = const_floats((SKULL_CENTRE,), yaw.device).mT
    shift = head.shift + head.scale[:, None] * ((head.rotation - rotation) @ centre)[..., 0]
    return HeadTransform(head.scale, rotation, shift)
