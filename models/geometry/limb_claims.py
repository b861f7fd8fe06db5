"""Which pixels of a picture belong to which limb."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.body import LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER, SHOULDERS, shoulder_width
from models.geometry.constants import const_floats, gather_rows
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.limb_curve import FIRST_JOINTS, LIMBS, PIECES, SECOND_JOINTS, THIRD_JOINTS
from models.geometry.ribbons import JOINT_OVERLAP

CAP_FADE = (-0.55, -0.25)  # s over which a limb's texture fades in, inside the torso
KEPT_ON_TORSO = (0.05, 0.05, 0.0, 0.0)  # s of each limb up to which the torso keeps what the picture shows of it
BEHIND = 0.35  # shoulder widths behind the shoulders from which an arm is behind the torso
HULL_HIPS = 1.35  # width of the torso's hull at the hips over their distance
HULL_DEPTH = 0.2  # half of a torso's depth from front to back, over the length of the spine
NO_CLAIM = 1000.0  # rank of a pixel that a piece does not hold


class Claim(NamedTuple):
    """What belongs to each piece of B pictures.

    covered: (B, K, S, S), 0..1, coverage by the piece's own shape.
    visible: (B, K, S, S), 0 or 1, where the picture shows it.
    taken: (B, 1, S, S), 0 or 1, what of the person is on limbs and not on the body.
    """

    covered: Tensor
    visible: Tensor
    taken: Tensor


def claim_pixels(drawn: Tensor, alpha: Tensor, head: Tensor, seen: Tensor, body: Tensor, shown: Tensor) -> Claim:
    """Which piece the picture's pixels belong to.

    drawn: from `draw_ribbons`. alpha, head (B, S, S): coverage by the person and by the head. seen (B, S, S): bool,
    where the canvas shows the picture itself.
    """
    size = drawn.shape[-1]
    s, fraction, radius, inside = drawn.unbind(2)
    inside = inside * shown[..., None, None] > 0.5
    distance = fraction.abs()
    shape = ((1 - distance) * radius * (size / 2) + 0.5).clamp(0, 1) * inside
    on_hull, on_head = (torso_hull(body, size) > 0.5)[:, None], (head > 0.5)[:, None]
    behind = piece_behind(body[..., 2], shoulder_width(body))[..., None, None]
    outside = (outer_side(body)[..., None, None] * fraction > 0) | legs(body.device)[:, None, None]
    loose = inside & outside & (distance > 1) & ~on_hull & ~on_head & (alpha > 0.02)[:, None]
    core = (shape > 0.5) & ~(behind & on_hull) & ~on_head
    # Of several pieces whose shapes hold a pixel the nearest one has it; of loose pixels the closest piece does.
    nearness = piece_depth(body[..., 2]).argsort(1).argsort(1).to(s.dtype)[..., None, None]  # 0 is the nearest
    rank = torch.where(core, nearness, torch.where(loose, PIECES + distance, NO_CLAIM))
    winner = rank == rank.amin(1, keepdim=True)
    sibling = winner.unflatten(1, (LIMBS, 2)).flip(2).flatten(1, 2) & ((s - 1).abs() < JOINT_OVERLAP)
    held = (winner | sibling) & (core | loose)
    visible = held & seen[:, None]
    hung = (held & ~core).to(s.dtype)
    covered = torch.maximum(shape, hung) * smoothstep(*CAP_FADE, s)
    kept = const_floats(KEPT_ON_TORSO, s.device).repeat_interleave(2)[:, None, None]
    taken = (held & (s > kept)).any(1, keepdim=True).to(s.dtype)
    return Claim(covered, visible.to(s.dtype), taken)


def within(borders: Tensor, size: int) -> Tensor:
    """(B, S, S) bool, which pixels lie within left, upper, right and lower borders (B, 4), canvas units."""
    grid, low, high = unit_grid(size, borders.device), borders[:, None, None, :2], borders[:, None, None, 2:]
    return ((grid > low) & (grid < high)).all(-1)


def outer_side(body: Tensor) -> Tensor:
    """(B, K) sign of d on the side of the pieces that looks away from the spine of joints (B, 33, ≥2)."""
    spine = gather_rows(body, (LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP))[..., :2].mean(1)
    first, second, third = (
        gather_rows(body, joints)[..., :2] for joints in (FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS)
    )
    starts, ends = torch.stack([first, second], 2).flatten(1, 2), torch.stack([second, third], 2).flatten(1, 2)
    along, inwards = ends - starts, spine[:, None] - (starts + ends) / 2
    return -torch.sign(along[..., 0] * inwards[..., 1] - along[..., 1] * inwards[..., 0])


def torso_hull(body: Tensor, size: int) -> Tensor:
    """(B, S, S) 0..1, coverage by the hull of shoulders and hips of joints (B, 33, ≥2)."""
    left, right, left_hip, right_hip = (
        body[:, joint, :2] for joint in (LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP)
    )
    top, bottom = (left + right) / 2, (left_hip + right_hip) / 2
    half_top, half_bottom = (left - right) / 2, (left_hip - right_hip) / 2 * HULL_HIPS
    across = torch.stack([top[:, 1] - bottom[:, 1], bottom[:, 0] - top[:, 0]], -1) * HULL_DEPTH
    half_top, half_bottom = (at_least(half, across) for half in (half_top, half_bottom))
    corners = torch.stack([top - half_top, top + half_top, bottom + half_bottom, bottom - half_bottom], 1)  # (B, 4, 2)
    centre = corners.mean(1, keepdim=True)
    edge = corners.roll(-1, 1) - corners
    normal = F.normalize(torch.stack([-edge[..., 1], edge[..., 0]], -1), dim=-1, eps=1e-6)
    inwards = torch.where(((centre - corners) * normal).sum(-1, keepdim=True) < 0, -normal, normal)
    grid = unit_grid(size, body.device)
    distance = ((grid[:, :, :, None] - corners[:, None, None]) * inwards[:, None, None]).sum(-1).amin(-1)
    return (distance * (size / 2) + 0.5).clamp(0, 1)


def at_least(half: Tensor, least: Tensor) -> Tensor:
    """Half widths (B, 2) of a torso seen from the front, least (B, 2) where that is longer: seen from the side."""
    side = torch.where((half * least).sum(-1, keepdim=True) < 0, -least, least)
    return torch.where(half.norm(dim=-1, keepdim=True) < least.norm(dim=-1, keepdim=True), side, half)


def piece_depth(depth: Tensor) -> Tensor:
    """(B, K) mean z of the pieces, from that of the joints (B, 33)."""
    first, second, third = (gather_rows(depth, joints) for joints in (FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS))
    return torch.stack([(first + second) / 2, (second + third) / 2], 2).flatten(1)


def piece_behind(depth: Tensor, width: Tensor) -> Tensor:
    """(B, K) bool whether pieces are behind the torso: legs, and arms whose far ends are.

    depth (B, 33): z of the joints. width (B,): of the shoulders.
    """
    torso = depth[:, SHOULDERS].mean(1, keepdim=True)
    ends = torch.stack([gather_rows(depth, SECOND_JOINTS), gather_rows(depth, THIRD_JOINTS)], 2).flatten(1)
    behind = ends > torso + BEHIND * width[:, None]
    return behind | legs(depth.device)


@cache
def upper_pieces(device: torch.device) -> Tensor:
    """(K,) bool, which pieces are the upper segments of their limbs."""
    return torch.arange(PIECES, device=device) % 2 == 0


@cache
def legs(device: torch.device) -> Tensor:
    """(K,) bool, which pieces are legs'."""
    return torch.arange(PIECES, device=device) >= PIECES // 2
