"""The geometry of a hand's 21 points (MediaPipe's): its palm, and the bones of its fingers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.geometry.body import LEFT_INDEX, LEFT_PINKY, LEFT_WRIST, RIGHT_INDEX, RIGHT_PINKY, RIGHT_WRIST
from models.geometry.constants import const_index, gather_rows
from models.geometry.limb_curve import FINGERS

HAND_WRIST, INDEX_ROOT, MIDDLE_ROOT, PINKY_ROOT = 0, 5, 9, 17  # points of a hand
KNUCKLES = (INDEX_ROOT, MIDDLE_ROOT, 13, PINKY_ROOT)


class Palm(NamedTuple):
    """The palms of (B, 2) hands.

    full: length without foreshortening. length, angle: in the picture's plane. width: signed, from the little finger's
    knuckle to the index finger's; its sign tells which side of the hand is seen. Lengths in the points' units.
    """

    full: Tensor
    length: Tensor
    angle: Tensor
    width: Tensor


def palm_of(hands: Tensor) -> Palm:
    """The palms of hands (B, 2, 21, ≥3)."""
    axis = pick(hands, KNUCKLES).mean(2) - hands[:, :, HAND_WRIST]
    width = cross(axis, hands[:, :, INDEX_ROOT] - hands[:, :, PINKY_ROOT])
    length = axis[..., :2].norm(dim=-1)
    full = axis[..., :3].norm(dim=-1).clamp_min(1e-6)
    return Palm(full, length, torch.atan2(axis[..., 1], axis[..., 0]), width / length.clamp_min(1e-6))


def wrists(body: Tensor) -> Tensor:
    """(B, 2, 2) the wrists of joints (B, 33, ≥2)."""
    return body[:, LEFT_WRIST : RIGHT_WRIST + 1, :2]


def palm_axes(body: Tensor) -> Tensor:
    """(B, 2, 2) from the wrists of joints (B, 33, ≥2) to the middles of their hands, the axes of their palms."""
    fingers = gather_rows(body, (LEFT_PINKY, RIGHT_PINKY)) + gather_rows(body, (LEFT_INDEX, RIGHT_INDEX))
    return fingers[..., :2] / 2 - wrists(body)


def palm_frame(body: Tensor, across: Tensor) -> Tensor:
    """(B, 2, 2, 2) matrices whose columns are the palms' axes of joints (B, 33, ≥2), and vectors across them, of
    lengths across (B, 2).
    """
    axis = palm_axes(body)
    axis = torch.where(axis.norm(dim=-1, keepdim=True) > 1e-4, axis, torch.full_like(axis, 1e-4))
    unit = axis / axis.norm(dim=-1, keepdim=True)
    normal = torch.stack([-unit[..., 1], unit[..., 0]], -1)
    return torch.stack([axis, normal * across.unsqueeze(-1)], -1)


def palm_widths(body: Tensor, hands: Tensor) -> Tensor:
    """(B, 2) signed widths across the palms' axes of joints (B, 33, ≥2), of hands (B, 2, 21, ≥2)."""
    axis = palm_axes(body)
    width = cross(axis, hands[:, :, INDEX_ROOT] - hands[:, :, PINKY_ROOT])
    return width / axis.norm(dim=-1).clamp_min(1e-4)


def finger_bones(hands: Tensor) -> Tensor:
    """(B, 2, 5, 3, 3) the bones of the fingers of hands (B, 2, 21, ≥3)."""
    return hands[:, :, 1:, :3].unflatten(2, (FINGERS, 4)).diff(dim=3)


def pick(hands: Tensor, points: tuple[int, ...]) -> Tensor:
    """The points with these numbers of hands (B, 2, 21, C): (B, 2, N, C)."""
    return hands.index_select(2, const_index(points, hands.device))


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Cross products of vectors (…, ≥2) in the plane."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
