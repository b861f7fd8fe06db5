"""Limbs as layers: each segment of an arm or a leg as a ribbon with a texture of its own, completed behind what covers
it; and the body without them, filled where they were. Made once per picture.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import Bucket, draw_mesh
from models.geometry.body import LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER, SHOULDERS, shoulder_width
from models.geometry.constants import const_floats, gather_rows
from models.geometry.grid import box_grid, smoothstep, unit_grid
from models.geometry.inpaint import blur, dilate, pull_push
from models.geometry.limb_curve import (
    FIRST_JOINTS,
    LIMB_END,
    LIMB_SAMPLES,
    LIMB_START,
    LIMBS,
    PIECES,
    SECOND_JOINTS,
    THIRD_JOINTS,
    limb_polylines,
    place_on_limb,
)

ROWS, COLUMNS = 24, 7  # vertices of a ribbon along and across
JOINT_OVERLAP = 0.15  # s by which the two segments of a limb overlap at its middle joint, to each side
LOOSE = 1.6  # half widths up to which what hangs on a limb, as wide sleeves do, moves with it
CAP_FADE = (-0.55, -0.25)  # s over which a limb's texture fades in, inside the torso
KEPT_ON_TORSO = (0.3, 0.3, 0.0, 0.0)  # s of each limb up to which the torso keeps what the picture shows of it
BEHIND = 0.35  # shoulder widths behind the shoulders from which an arm is behind the torso
RIM = 2  # pixels around a limb over which the body layer loses its soft edge with it
SOLID = 0.9  # alpha from which a pixel is the person's own, and no edge
HULL_SHOULDERS, HULL_HIPS = 1.0, 1.35  # widths of the torso's hull over the distances of the joints
CANVAS_WINDOW = 96  # pixels, of a ribbon's largest triangle on the picture
NO_CLAIM = 1000.0  # rank of a pixel that a piece does not hold


class Outlines(NamedTuple):
    """Where the limbs of B pictures end to both sides.

    radii: (B, 4, `LIMB_SAMPLES`, 2), half widths at the samples of s towards negative and positive d, canvas units.
    shown: (B, K), 0 or 1, whether the picture shows a piece well enough to move it.
    """

    radii: Tensor
    shown: Tensor


class Limbs(NamedTuple):
    """The limbs of B pictures, K = `PIECES`, T pixels along a side of a tile, V = `ROWS` · `COLUMNS` vertices.

    tiles: (B, K, 4, T, T), premultiplied RGB and alpha.
    boxes: (B, K, 3), what of the canvas the tiles show in the picture: centre x, y and half side.
    polylines: (B, 4, 5, 2), of the limbs in the picture.
    across: (B, K, V), distance d of the vertices, canvas units.
    on_tile: (B, K, V, 2), where the vertices lie on their tiles, −1..1.
    shown: (B, K), 0 or 1, whether a piece exists.
    """

    tiles: Tensor
    boxes: Tensor
    polylines: Tensor
    across: Tensor
    on_tile: Tensor
    shown: Tensor


def no_limbs(count: int, size: int, device: torch.device) -> Limbs:
    """The limbs of pictures that show none, S = size pixels."""
    tile, vertices = size // 2, ROWS * COLUMNS
    return Limbs(
        torch.zeros(count, PIECES, 4, tile, tile, device=device),
        torch.tensor([0.0, 0.0, 1.0], device=device).expand(count, PIECES, 3),
        torch.zeros(count, LIMBS, 5, 2, device=device),
        torch.zeros(count, PIECES, vertices, device=device),
        torch.zeros(count, PIECES, vertices, 2, device=device),
        torch.zeros(count, PIECES, device=device),
    )


def build_limbs(person: Tensor, head: Tensor, body: Tensor, outlines: Outlines) -> tuple[Limbs, Tensor]:
    """The limbs of B pictures, and the coverage (B, 1, S, S), 0 or 1, of what they take from the person.

    person (B, 4, S, S): premultiplied colours of the person and alpha. head (B, 1, S, S): coverage by the head's
    surface, 0..1. body (B, 33, 4): joints.
    """
    radii, shown = outlines
    size = person.shape[-1]
    polylines = limb_polylines(body)
    across = ribbon_across(radii)
    rest = place_vertices(polylines, across)
    boxes = bounding_boxes(rest)
    claim = claim_pixels(draw_ribbons(rest, radii, size), person[:, 3], head[:, 0], body, shown)
    grid = box_grid(boxes.flatten(0, 1), size // 2).unflatten(0, boxes.shape[:2])
    colours = F.grid_sample(person, grid.flatten(1, 2), "bicubic", "zeros", False).clamp(0, 1)
    colours = colours.unflatten(2, grid.shape[1:3]).transpose(1, 2).flatten(0, 1)  # (B · K, 4, T, T)
    maps = torch.stack([claim.covered, claim.visible, claim.hidden], 2).flatten(0, 1)
    covered, visible, hidden = F.grid_sample(maps, grid.flatten(0, 1), "bilinear", "zeros", False).split(1, 1)
    seen = colours[:, 3:]
    straight = colours[:, :3] / seen.clamp_min(1e-3)
    filled = pull_push(straight, ((visible > 0.99) & (seen > 0.5)).to(seen.dtype))
    alpha = covered * torch.lerp(seen, torch.ones_like(seen), hidden) * shown.flatten()[:, None, None, None]
    tiles = torch.cat([filled.clamp(0, 1) * alpha, alpha], 1).unflatten(0, boxes.shape[:2])
    on_tile = (rest - boxes[:, :, None, :2]) / boxes[:, :, None, 2:]
    return Limbs(tiles, boxes, polylines, across, on_tile, shown), claim.taken


class Claim(NamedTuple):
    """What belongs to each piece of B pictures, (B, K, S, S) 0..1 each.

    covered: coverage by the piece's own shape. visible: 0 or 1, where the picture shows it. hidden: 0 or 1, where
    something else covers it. taken: (B, 1, S, S), what of the person is on limbs and not on the body.
    """

    covered: Tensor
    visible: Tensor
    hidden: Tensor
    taken: Tensor


def claim_pixels(drawn: Tensor, alpha: Tensor, head: Tensor, body: Tensor, shown: Tensor) -> Claim:
    """Which piece the picture's pixels belong to. drawn: from `draw_ribbons`; alpha, head (B, S, S)."""
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
    visible = (winner | sibling) & (core | loose)
    hung = (visible & ~core).to(s.dtype)
    covered = torch.maximum(shape, hung) * smoothstep(*CAP_FADE, s)
    kept = const_floats(KEPT_ON_TORSO, s.device).repeat_interleave(2)[:, None, None]
    taken = (visible & (s > kept)).any(1, keepdim=True).to(s.dtype)
    return Claim(covered, visible.to(s.dtype), ((shape > 0.5) & ~visible).to(s.dtype), taken)


def outer_side(body: Tensor) -> Tensor:
    """(B, K) sign of d on the side of the pieces that looks away from the spine of joints (B, 33, ≥2)."""
    spine = gather_rows(body, (LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP))[..., :2].mean(1)
    first, second, third = (
        gather_rows(body, joints)[..., :2] for joints in (FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS)
    )
    starts, ends = torch.stack([first, second], 2).flatten(1, 2), torch.stack([second, third], 2).flatten(1, 2)
    along, inwards = ends - starts, spine[:, None] - (starts + ends) / 2
    return -torch.sign(along[..., 0] * inwards[..., 1] - along[..., 1] * inwards[..., 0])


def without_layers(body: Tensor, shown: Tensor) -> Tensor:
    """Joints (B, 33, 4) with the far joints of limbs that are layers (B, K) invisible: the sheet of the body then moves
    with the torso there.
    """
    upper, lower = shown.unflatten(1, (LIMBS, 2)).unbind(2)
    visibility = body[..., 3].clone()
    for joints, layer in ((SECOND_JOINTS, upper), (THIRD_JOINTS, lower)):
        visibility[:, joints] *= 1 - layer
    return torch.cat([body[..., :3], visibility.unsqueeze(-1)], -1)


def behind_limbs(person: Tensor, taken: Tensor, body: Tensor) -> Tensor:
    """The torso behind what limbs take (B, 1, S, S), 0 or 1: (B, 4, S, S), premultiplied; elsewhere without meaning.

    person: (B, 4, S, S) the person's own colours, premultiplied. Within the torso's hull the clothes go on behind the
    limbs, outside of it there is nothing.
    """
    hull = torso_hull(body, person.shape[-1]).unsqueeze(1)
    straight = person[:, :3] / person[:, 3:].clamp_min(1e-3)
    known = (dilate(taken, RIM + 2) < 0.5) & (person[:, 3:] > SOLID)
    filled = pull_push(straight, known.to(person.dtype))
    return torch.cat([filled * hull, hull], 1)


def replace_limbs(person: Tensor, behind: Tensor, taken: Tensor) -> Tensor:
    """The person (B, 4, S, S), premultiplied, with `behind` instead of the limbs and of the soft edge around them.

    taken: (B, 1, S, S), 0 or 1, what the limbs take.
    """
    edge = dilate(taken, RIM) * (person[:, 3:] < SOLID)
    return torch.lerp(person, behind, torch.maximum(taken, blur(torch.maximum(taken, edge), 1)))


def torso_hull(body: Tensor, size: int) -> Tensor:
    """(B, S, S) 0..1, coverage by the hull of shoulders and hips of joints (B, 33, ≥2)."""
    left, right, left_hip, right_hip = (
        body[:, joint, :2] for joint in (LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP)
    )
    top, bottom = (left + right) / 2, (left_hip + right_hip) / 2
    half_top, half_bottom = (left - right) / 2 * HULL_SHOULDERS, (left_hip - right_hip) / 2 * HULL_HIPS
    corners = torch.stack([top - half_top, top + half_top, bottom + half_bottom, bottom - half_bottom], 1)  # (B, 4, 2)
    centre = corners.mean(1, keepdim=True)
    edge = corners.roll(-1, 1) - corners
    normal = F.normalize(torch.stack([-edge[..., 1], edge[..., 0]], -1), dim=-1, eps=1e-6)
    inwards = torch.where(((centre - corners) * normal).sum(-1, keepdim=True) < 0, -normal, normal)
    grid = unit_grid(size, body.device)
    distance = ((grid[:, :, :, None] - corners[:, None, None]) * inwards[:, None, None]).sum(-1).amin(-1)
    return (distance * (size / 2) + 0.5).clamp(0, 1)


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
def ribbon_rows(device: torch.device) -> Tensor:
    """(K, `ROWS`) s of the rows of the ribbons."""
    upper = torch.linspace(LIMB_START, 1 + JOINT_OVERLAP, ROWS, device=device)
    lower = torch.linspace(1 - JOINT_OVERLAP, LIMB_END, ROWS, device=device)
    return torch.stack([upper, lower]).repeat(LIMBS, 1)


def piece_radii(radii: Tensor) -> Tensor:
    """(B, K, `ROWS`, 2) half widths at the rows of the ribbons, from those of the limbs (B, 4, `LIMB_SAMPLES`, 2)."""
    at = (ribbon_rows(radii.device) - LIMB_START) / (LIMB_END - LIMB_START) * (LIMB_SAMPLES - 1)
    at = at.clamp(0, LIMB_SAMPLES - 1 - 1e-4)
    low = at.floor().long()
    each = radii.repeat_interleave(2, 1)
    index = low.expand(len(radii), -1, -1).unsqueeze(-1).expand(-1, -1, -1, 2)
    return torch.lerp(each.gather(2, index), each.gather(2, index + 1), (at - low).unsqueeze(-1))


def ribbon_across(radii: Tensor) -> Tensor:
    """(B, K, V) d of the vertices of ribbons, `LOOSE` times as wide as the limbs, with radii (B, 4, ·, 2)."""
    line = torch.linspace(-LOOSE, LOOSE, COLUMNS, device=radii.device)
    sides = piece_radii(radii)
    return torch.where(line < 0, line * sides[..., :1], line * sides[..., 1:]).flatten(2)


def place_vertices(polylines: Tensor, across: Tensor) -> Tensor:
    """(B, K, V, 2) places on the canvas of vertices at d = across (B, K, V) of limbs with polylines (B, 4, 5, 2)."""
    s = ribbon_rows(across.device).repeat_interleave(COLUMNS, 1)
    return place_on_limb(polylines.repeat_interleave(2, 1), s, across)


def draw_ribbons(rest: Tensor, radii: Tensor, size: int) -> Tensor:
    """(B, K, 4, S, S) s, d over the half width on its side, that half width, and 1 where a ribbon covers a pixel of the
    picture. rest (B, K, V, 2): its vertices there.
    """
    sides = piece_radii(radii)
    line = torch.linspace(-LOOSE, LOOSE, COLUMNS, device=rest.device).expand(*sides.shape[:3], -1)
    radius = torch.where(line < 0, sides[..., :1], sides[..., 1:])
    s = ribbon_rows(rest.device).unsqueeze(-1).expand_as(line)
    values = torch.stack([s, line, radius, torch.ones_like(s)], -1).flatten(0, 1).flatten(1, 2)
    # Folded at the inside of a bend, the part nearer to the bone is drawn.
    points = torch.cat([rest.flatten(0, 1), line.abs().flatten(0, 1).flatten(1)[..., None]], -1)
    drawn = draw_mesh(points, [Bucket(ribbon_triangles(rest.device), CANVAS_WINDOW)], values, size)
    return drawn.unflatten(0, rest.shape[:2])


def bounding_boxes(vertices: Tensor) -> Tensor:
    """(B, K, 3) centre and half side of the least squares around vertices (B, K, V, 2)."""
    low, high = vertices.amin(2), vertices.amax(2)
    return torch.cat([(low + high) / 2, (high - low).amax(-1, keepdim=True) / 2 + 1e-3], -1)


@cache
def upper_pieces(device: torch.device) -> Tensor:
    """(K,) bool, which pieces are the upper segments of their limbs."""
    return torch.arange(PIECES, device=device) % 2 == 0


@cache
def legs(device: torch.device) -> Tensor:
    """(K,) bool, which pieces are legs'."""
    return torch.arange(PIECES, device=device) >= PIECES // 2


@cache
def ribbon_triangles(device: torch.device) -> Tensor:
    """(T, 3) triangles of a ribbon, clockwise on screen."""
    vertex = torch.arange(ROWS * COLUMNS, device=device).view(ROWS, COLUMNS)
    a, b, c, d = vertex[:-1, :-1], vertex[1:, :-1], vertex[1:, 1:], vertex[:-1, 1:]
    return torch.cat([torch.stack([a, b, c], -1).view(-1, 3), torch.stack([a, c, d], -1).view(-1, 3)])
