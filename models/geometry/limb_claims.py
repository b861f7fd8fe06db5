"""Which pixels of a picture belong to which limb."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.body import LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER, SHOULDERS, shoulder_width
from models.geometry.constants import const_floats, gather_rows, scatter_rows
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.hand import KNUCKLES, pick
from models.geometry.hem import Hem
from models.geometry.inpaint import dilate, grown_within, opened
from models.geometry.limb_curve import (
    FINGERS,
    FIRST_JOINTS,
    FOREARM_PIECES,
    LEG_PIECES,
    LIMB_PIECES,
    LIMB_START,
    LIMBS,
    PIECE_HOLDERS,
    PIECES,
    SECOND_JOINTS,
    SEGMENTS_OF_LIMB,
    THIRD_JOINTS,
)
from models.geometry.limb_parts import ON_PERSON
from models.geometry.ribbons import JOINT_OVERLAP

CAP_FADE = (-0.55, -0.25)  # s over which a limb's texture fades in, inside the torso
KEPT_ON_TORSO = (0.05, 0.05, 0.0, 0.0)  # s of each limb up to which the torso keeps what the picture shows of it
ROOTS = (0.6, 0.1, 0.1, 0.1, 0.1)  # s of each finger up to which the palm keeps what the picture shows of it
FINGER_RIM = 1.5  # half widths of a finger up to which the body layer is filled behind it
PALM_MARGIN = 0.08  # s of the arm from the farthest knuckle to the end of a palm that has fingers
UNENDING = 9.0  # s at which a piece without fingers ends: nowhere
BEHIND = 0.35  # shoulder widths behind the shoulders from which an arm is behind the torso
HULL_HIPS = 1.35  # width of the torso's hull at the hips over their distance
HULL_DEPTH = 0.2  # half of a torso's depth from front to back, over the length of the spine
HIP_WIDTH, HIP_SLOPE = 0.4, 1.3  # half widths of a thigh that nothing shows at the hip joint, and more of them along s
HAND_FROM = 1.85  # s of an arm from which bare skin beside it is the hand's
EDGE_DIVISOR = 128  # of the canvas's side: pixels beside an arm that are its soft edge
HEM_RIM_DIVISOR = 256  # of the canvas's side: pixels below a hem in which colours are not the legs' alone
UNDER_DIVISOR = 200  # of the canvas's side: pixels that a piece of a leg goes on under a nearer one
STRIP_DIVISOR = 64  # of the canvas's side: half the width up to which what stays beside a limb goes with it
GROWTH_DIVISOR = 8  # of the canvas's side: pixels up to which skin that goes on beside a hand is followed
SKIN_TINT, SKIN_LIGHT = 0.2, 0.8  # logs of colour and of brightness by which skin may differ from the face's
DARK = 0.1  # added before the logarithm
SKIN_CLOTHES = 0.2  # share of skin's colour on a torso from which clothes count as having it
NO_CLAIM = 1000.0  # rank of a pixel that a piece does not hold


class Claim(NamedTuple):
    """What belongs to each piece of B pictures.

    covered: (B, K, S, S), 0..1, coverage by the piece's own shape.
    visible: (B, K, S, S), 0 or 1, where the picture shows it.
    taken: (B, 1, S, S), 0 or 1, what of the person is on limbs and not on the body.
    ends: (B, K), s at which pieces end: forearms whose hands have fingers, behind the palm.
    """

    covered: Tensor
    visible: Tensor
    taken: Tensor
    ends: Tensor


class Areas(NamedTuple):
    """What B pictures show where, besides limbs.

    alpha, head, hull: (B, S, S), 0..1, coverage by the person, by the head, and by the torso's hull.
    in_picture, skin: (B, S, S), bool, where the canvas shows the picture itself, and where the person has the colour of
    their face's skin. forearms (B, 2, S, S), bool: what beside the outlines of forearms and hands is theirs. hem: what
    stays with the torso below the hips.
    """

    alpha: Tensor
    head: Tensor
    hull: Tensor
    in_picture: Tensor
    skin: Tensor
    forearms: Tensor
    hem: Hem


def claim_pixels(drawn: Tensor, areas: Areas, body: Tensor, shown: Tensor, ends: Tensor) -> Claim:
    """Which piece the picture's pixels belong to.

    drawn (B, K, 4, S, S): from `draw_ribbons`. body (B, 33, 4): joints. shown (B, K): 0 or 1, see `Outlines`. ends
    (B, K): see `Claim`.
    """
    alpha, head, hull, in_picture, skin, forearms, (clothes, seat) = areas
    size, pieces = drawn.shape[-1], drawn.shape[1]
    s, fraction, radius, inside = drawn.unbind(2)
    inside = inside * shown[..., None, None] > 0.5
    distance = fraction.abs()
    shape = ((1 - distance) * radius * (size / 2) + 0.5).clamp(0, 1) * inside
    on_hull, on_head = (hull > 0.5)[:, None], (head > 0.5)[:, None]
    behind, side, nearness = (
        gather_rows(each, PIECE_HOLDERS[:pieces])[..., None, None]
        for each in (
            piece_behind(body[..., 2], shoulder_width(body)),
            outer_side(body),
            piece_depth(body[..., 2]).argsort(1).argsort(1).to(s.dtype),  # 0 is the nearest
        )
    )
    fingers = finger_pieces(pieces, s.device)[:, None, None]
    on_legs = legs(pieces, s.device)[:, None, None]
    on_clothes, on_seat = on_legs & clothes[:, None], on_legs & seat[:, None]  # legs go on behind clothes
    outside = (side * fraction > 0) | on_legs | fingers
    loose = inside & outside & (distance > 1) & ~on_hull & ~on_head & ~on_clothes & (alpha > 0.02)[:, None]
    core = (shape > 0.5) & ~(behind & on_hull) & ~on_head & ~on_clothes
    if pieces > LIMB_PIECES:
        # Beyond the palm are the fingers, and what else of the hand is before the background.
        core &= (s < ends[..., None, None]) | (~on_hull & (alpha > ON_PERSON)[:, None])
        beyond_root = s > const_floats(piece_roots(pieces), s.device)[:, None, None]
        under_root, core, loose = core & ~beyond_root, core & beyond_root, loose & beyond_root
    # The soft edge of an arm is not a leg's.
    before = (core & arms(pieces, s.device)[:, None, None]).any(1, keepdim=True)
    loose &= ~(on_legs & near(before, max(1, size // EDGE_DIVISOR)))
    # Bare skin beside a hand is the hand's, whatever it lies before, but for what goes on beyond it, as thighs and a
    # neckline do; and so is what would stay as a thin strip.
    beside_hand = inside & (s > HAND_FROM) & arms(pieces, s.device)[:, None, None] & (distance > 1)
    free = skin & in_picture & ~core.any(1) & ~on_head[:, 0]
    bare = free & ~goes_on(free, ~(inside & arms(pieces, s.device)[:, None, None]).any(1), size)
    loose |= beside_hand & bare[:, None] & ~core
    # And so is what looks as a forearm and its hand do, and not as what lies around them.
    alike = gather_rows(inside & ~behind, FOREARM_PIECES) & forearms & ~on_head
    alike &= in_picture[:, None] & ~core.any(1, keepdim=True)
    loose = scatter_rows(loose, FOREARM_PIECES, gather_rows(loose, FOREARM_PIECES) | alike)
    strips = thin_parts((alpha > ON_PERSON) & ~(core | loose).any(1), on_hull[:, 0] | on_head[:, 0] | clothes, size)
    segments = torch.arange(pieces, device=s.device) < LIMB_PIECES
    loose |= inside & (distance > 1) & segments[:, None, None] & strips[:, None] & ~on_clothes
    # Of several pieces whose shapes hold a pixel the nearest one has it; of loose pixels the closest piece does.
    # Fingers go before, and among them the closest one has it.
    rank = torch.where(core, nearness, torch.where(loose, PIECES + distance, NO_CLAIM))
    if pieces > LIMB_PIECES:
        rank = torch.where(fingers & (core | loose), distance - PIECES, rank)
    winner = rank == rank.amin(1, keepdim=True)
    sibling = winner[:, :LIMB_PIECES].unflatten(1, (LIMBS, 2)).flip(2).flatten(1, 2)
    sibling = F.pad(sibling, (0, 0, 0, 0, 0, pieces - LIMB_PIECES)) & ((s - 1).abs() < JOINT_OVERLAP)
    held = (winner | sibling) & (core | loose)
    if pieces > LIMB_PIECES:
        held |= under_root
    visible = held & in_picture[:, None]
    hung = around_loose(held, core) | (on_legs & inside & under_nearer(held, nearness))
    shape = scatter_rows(shape, LEG_PIECES, hips(drawn, shape, visible))
    covered = torch.maximum(shape, hung.to(s.dtype)) * smoothstep(*CAP_FADE, s)
    visible &= ~(on_legs & near(clothes[:, None], max(1, size // HEM_RIM_DIVISOR)))  # colours of both
    kept = const_floats(piece_kept(pieces), s.device)[:, None, None]
    taken = held & (s > kept) & ~on_seat
    if pieces > LIMB_PIECES:  # on clothes a rim of the hand would stay behind
        taken |= fingers & inside & (distance < FINGER_RIM) & ~on_head
    taken = taken.any(1, keepdim=True).to(s.dtype)
    return Claim(covered, visible.to(s.dtype), taken, ends)


def near(areas: Tensor, radius: int) -> Tensor:
    """(B, K, S, S) bool, what lies within so many pixels of each of the areas (B, K, S, S), bool."""
    return dilate(areas.flatten(0, 1)[:, None].to(torch.float32), radius).view(areas.shape) > 0.5


def around_loose(held: Tensor, core: Tensor) -> Tensor:
    """(B, K, S, S) bool, what pieces hold beyond their shapes, and the soft edge of the shape before it, through which
    the background would show.

    held, core (B, K, S, S), bool: the pixels of pieces, and those within their shapes.
    """
    return held & near(held & ~core, 1)


def under_nearer(held: Tensor, nearness: Tensor) -> Tensor:
    """(B, K, S, S) bool, where legs go on a little under nearer ones, so that they part without a gap; nothing of other
    pieces.

    held (B, K, S, S), bool: the pixels of pieces. nearness (B, K, 1, 1): 0 is the nearest.
    """
    own, rank = gather_rows(held, LEG_PIECES), gather_rows(nearness, LEG_PIECES)
    grown = near(own, max(1, held.shape[-1] // UNDER_DIVISOR))
    nearest = torch.where(own, rank, torch.full_like(rank, NO_CLAIM)).amin(1, keepdim=True)
    return scatter_rows(torch.zeros_like(held), LEG_PIECES, grown & ~own & (nearest < rank))


def hips(drawn: Tensor, shape: Tensor, visible: Tensor) -> Tensor:
    """(B, 4, S, S) 0..1, coverage by the pieces of legs. Where the picture shows nothing of a thigh at the hip, it goes
    over into the torso in a straight line.

    drawn (B, K, 4, S, S), shape, visible (B, K, S, S): of the pieces, see `claim_pixels`.
    """
    s, fraction, radius, _ = gather_rows(drawn, LEG_PIECES).unbind(2)
    size, legs_only = drawn.shape[-1], gather_rows(shape, LEG_PIECES)
    rim = max(1, size // EDGE_DIVISOR)
    solid = opened(gather_rows(visible, LEG_PIECES).flatten(0, 1)[:, None] > 0.5, rim)  # edges of arms are no leg
    is_shown = dilate(solid.to(s.dtype), rim).view_as(s) > 0.5
    width = (HIP_WIDTH + HIP_SLOPE * s).clamp(0, 1)
    narrow = ((width - fraction.abs()) * radius * (size / 2) + 0.5).clamp(0, 1)
    return torch.where(is_shown, legs_only, torch.minimum(legs_only, narrow))


def goes_on(skin: Tensor, beyond: Tensor, size: int) -> Tensor:
    """(B, S, S) bool, the parts of skin (B, S, S), bool, that are joined to more of it than a finger, beyond the reach
    of arms (B, S, S), bool: up to `GROWTH_DIVISOR` of the canvas's side away.
    """
    outside = skin & beyond
    grown = (outside & ~thin_parts(outside, torch.zeros_like(outside), size))[:, None].to(torch.float32)
    return grown_within(grown, skin[:, None].to(torch.float32), size // GROWTH_DIVISOR)[:, 0] > 0.5


def thin_parts(rest: Tensor, torso: Tensor, size: int) -> Tensor:
    """(B, S, S) bool, what of the rest of a person without limbs (B, S, S), bool, is thin: it goes when rest and torso
    (B, S, S), bool, are made narrower and wider again.
    """
    return rest & ~opened((rest | torso)[:, None], max(1, size // STRIP_DIVISOR))[:, 0]


def is_skin(person: Tensor, skin: Tensor, head: Tensor, hull: Tensor) -> Tensor:
    """(B, S, S) bool, where a person (B, 4, S, S), premultiplied, has a colour (B, 3), in any light; nowhere on one
    whose clothes have it as well. head, hull: (B, S, S), see `Areas`.
    """
    straight = person[:, :3] / person[:, 3:].clamp_min(1e-3)
    change = (straight + DARK).log() - (skin[..., None, None] + DARK).log()
    light = change.mean(1)
    alike = ((change - light[:, None]).abs().amax(1) < SKIN_TINT) & (light.abs() < SKIN_LIGHT)
    alike &= person[:, 3] > ON_PERSON
    clothes = (hull > ON_PERSON) & (head < ON_PERSON)
    share = (alike & clothes).sum((1, 2)) / clothes.sum((1, 2)).clamp_min(1)
    return alike & (share < SKIN_CLOTHES)[:, None, None]


def palm_ends(polylines: Tensor, hands: Tensor, shown: Tensor) -> Tensor:
    """(B, K) s at which pieces end, see `Claim`. polylines (B, L, 5, 2), hands (B, 2, 21, ≥2), shown (B, K)."""
    ends = torch.full_like(shown, UNENDING)
    if shown.shape[1] == LIMB_PIECES:
        return ends
    wrist, tip = polylines[:, :2, 3, None], polylines[:, :2, 4, None]
    along = ((pick(hands, KNUCKLES)[..., :2] - wrist) * (tip - wrist)).sum(-1)
    end = 2 + (along / (tip - wrist).square().sum(-1).clamp_min(1e-6)).amax(-1) + PALM_MARGIN
    has_fingers = shown[:, LIMB_PIECES:].unflatten(1, (2, FINGERS)).amin(-1) > 0.5
    return scatter_rows(ends, FOREARM_PIECES, torch.where(has_fingers, end, torch.full_like(end, UNENDING)))


def piece_roots(pieces: int) -> tuple[float, ...]:
    """s of the first of the pieces up to which what holds them keeps what the picture shows of them."""
    return ((LIMB_START - 1,) * LIMB_PIECES + ROOTS * 2)[:pieces]


def piece_kept(pieces: int) -> tuple[float, ...]:
    """s of the first of the pieces up to which the torso keeps what the picture shows of them."""
    limbs = tuple(s for s in KEPT_ON_TORSO for _ in range(SEGMENTS_OF_LIMB))
    return (limbs + (LIMB_START,) * (2 * FINGERS))[:pieces]


def within(borders: Tensor, size: int) -> Tensor:
    """(B, S, S) bool, which pixels lie within left, upper, right and lower borders (B, 4), canvas units."""
    grid, low, high = unit_grid(size, borders.device), borders[:, None, None, :2], borders[:, None, None, 2:]
    return ((grid > low) & (grid < high)).all(-1)


def outer_side(body: Tensor) -> Tensor:
    """(B, 8) sign of d on the side of the segments that looks away from the spine of joints (B, 33, ≥2)."""
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
    """(B, 8) mean z of the segments, from that of the joints (B, 33)."""
    first, second, third = (gather_rows(depth, joints) for joints in (FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS))
    return torch.stack([(first + second) / 2, (second + third) / 2], 2).flatten(1)


def piece_behind(depth: Tensor, width: Tensor) -> Tensor:
    """(B, 8) bool whether segments are behind the torso: legs, and arms whose far ends are.

    depth (B, 33): z of the joints. width (B,): of the shoulders.
    """
    torso = depth[:, SHOULDERS].mean(1, keepdim=True)
    ends = torch.stack([gather_rows(depth, SECOND_JOINTS), gather_rows(depth, THIRD_JOINTS)], 2).flatten(1)
    behind = ends > torso + BEHIND * width[:, None]
    return behind | legs(LIMB_PIECES, depth.device)


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def upper_pieces(device: torch.device) -> Tensor:
    """(8,) bool, which segments are the upper ones of their limbs."""
    return torch.arange(LIMB_PIECES, device=device) % 2 == 0


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def arms(pieces: int, device: torch.device) -> Tensor:
    """(pieces,) bool, which of the first pieces are arms'."""
    return torch.arange(pieces, device=device) < LIMB_PIECES // 2


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def legs(pieces: int, device: torch.device) -> Tensor:
    """(pieces,) bool, which of the first pieces are legs'."""
    piece = torch.arange(pieces, device=device)
    return (piece >= LIMB_PIECES // 2) & (piece < LIMB_PIECES)


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def finger_pieces(pieces: int, device: torch.device) -> Tensor:
    """(pieces,) bool, which of the first pieces are fingers."""
    return torch.arange(pieces, device=device) >= LIMB_PIECES
