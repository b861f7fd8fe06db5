"""Limbs in a frame: where their ribbons lie now, which of them is before which, and the maps that draw them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import Bucket, draw_mesh
from kernels.tiles import draw_tiles
from models.geometry.body import (
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_SHOULDER,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_SHOULDER,
    shoulder_width,
)
from models.geometry.constants import gather_rows, scatter_rows
from models.geometry.grid import smoothstep, to_box
from models.geometry.hand import KNUCKLES, palm_of, palm_widths, pick
from models.geometry.limb_claims import piece_behind, piece_depth, upper_pieces
from models.geometry.limb_curve import (
    FINGERS,
    FOREARM_PIECES,
    LIMB_PIECES,
    LIMBS,
    PIECE_HOLDERS,
    PIECES,
    finger_polylines,
    limb_polylines,
)
from models.geometry.limbs import Limbs
from models.geometry.ribbons import (
    COLUMNS,
    LOOSE,
    ROWS,
    bounding_boxes,
    place_vertices,
    ribbon_rows,
    ribbon_triangles,
)

LIMB_CELLS = 96  # M, along a side of a piece's map
LIMB_WINDOW = 40  # cells, of a ribbon's largest triangle
BEHIND_BODY, BEFORE_BODY, BEFORE_ALL = 0, 1, 2  # the images that pieces are drawn into
NOT_DRAWN = -1
PALM_BEGINS = (1.7, 2.2)  # s over which an arm goes over into its palm, which narrows as it turns
WRIST, SEAM = 2.0, 0.12  # s at which a palm that is turned over begins, and around it of its seam
FINGER_LAYERS = 1e-3  # canvas units of z between which the fingers of a hand lie
CLEARLY_BEHIND = 0.4  # lengths of the palm by which a finger is behind it
THIGHS = (4, 6)  # pieces: left, right
CROTCH_FADE = (0.1, 0.7)  # s over which thighs that are wider at the hips get their own width again
CROTCH_OVERLAP, MOST_WIDER = 1.1, 3.0  # of the way to the middle between the hips; and of a thigh's own half width


class MovedLimbs(NamedTuple):
    """The limbs of B pictures in one frame, for `draw_limbs`; K pieces, M = `LIMB_CELLS`. All are float32, as the rest
    of a frame's guidance is.

    maps: (B, K, 3, M, M), where the cells of each piece's box lie on its tile, x and y in −1..1, and 1 where it covers
    them. boxes: (B, K, 3). order: (B, K), numbers of the pieces, the farthest first. slot: (B, K), the image each
    belongs to.
    """

    maps: Tensor
    boxes: Tensor
    order: Tensor
    slot: Tensor


def move_limbs(
    limbs: Limbs,
    rest: Tensor,
    body: Tensor,
    growth: Tensor,
    hands: tuple[Tensor, Tensor] | None = None,
    torso: Tensor | None = None,
) -> MovedLimbs:
    """The limbs of pictures with joints rest (B, 33, ≥3) at joints body (B, 33, 3).

    limbs: the first 8 pieces, or all 18. growth (B,): the character's size now over that in the picture. hands: the
    points (B, 2, 21, ≥3) of the picture's hands and where they are now; needed for 18 pieces. torso (B, 33, ≥2): the
    joints by which the torso moves; None: body.
    """
    polylines = moved_polylines(limbs.polylines[:, :LIMBS], rest, body, body if torso is None else torso)
    across, on_tile = limbs.across * growth[:, None, None], limbs.on_tile
    across = close_crotch(across, inwards(rest) * growth[:, None], inwards(body if torso is None else torso))
    depth, width = body[..., 2], shoulder_width(rest)
    distance, behind = piece_depth(depth), piece_behind(depth, width)
    before = torch.where(upper_pieces(rest.device), BEFORE_BODY, BEFORE_ALL)
    slot = torch.where(behind, BEHIND_BODY, before)
    if hands is not None:
        polylines = torch.cat([polylines, finger_polylines(hands[1])], 1)
        has_fingers = gather_rows(limbs.shown, (LIMB_PIECES, LIMB_PIECES + FINGERS)) > 0.5
        side = palm_widths(body, hands[1]) / (palm_widths(rest, hands[0]) * growth[:, None])
        side = torch.where(has_fingers, side, torch.ones_like(side))
        across, on_tile = turn_over(across, on_tile, side)
        distance = gather_rows(distance, PIECE_HOLDERS) + F.pad(finger_depth(hands[1]), (LIMB_PIECES, 0))
        slot = gather_rows(slot, PIECE_HOLDERS)
    vertices = place_vertices(polylines, across)
    boxes = bounding_boxes(vertices)
    near = across.abs()  # folded at the inside of a bend, the part nearer to the bone is drawn
    points = to_box(torch.cat([vertices, near.unsqueeze(-1)], -1).flatten(0, 1), boxes.flatten(0, 1))
    values = torch.cat([on_tile, torch.ones_like(near).unsqueeze(-1)], -1).flatten(0, 1)
    buckets = [Bucket(ribbon_triangles(rest.device), LIMB_WINDOW)]
    maps = draw_mesh(points, buckets, values, LIMB_CELLS).unflatten(0, boxes.shape[:2])
    slot = torch.where(limbs.shown > 0.5, slot, NOT_DRAWN)
    order = distance.argsort(1, descending=True)
    return MovedLimbs(maps, boxes, order.to(maps.dtype), slot.to(maps.dtype))


def draw_limbs(limbs: Limbs, moved: MovedLimbs, size: int) -> Tensor:
    """Limbs that were moved as three images, behind the body, between body and head, and before all:
    (B, 3, 4, size, size), premultiplied colours and alpha. limbs: those pieces, and perhaps more; tiles of any size.
    """
    return draw_tiles(limbs.tiles, moved.maps, moved.boxes, moved.order.long(), moved.slot.long(), size)


def close_crotch(across: Tensor, before: Tensor, now: Tensor) -> Tensor:
    """Where the vertices of all pieces lie across (B, K, V), with thighs that still meet between hips which have moved
    apart, as those of somebody who was seen from the side do when they turn to the camera.

    before, now (B, 2): d of the middle between the hips on the left and on the right thigh, from `inwards`.
    """
    s = ribbon_rows(LIMB_PIECES, across.device)[THIGHS[0]].repeat_interleave(COLUMNS)
    d = gather_rows(across, THIGHS)
    is_inner = d * now[..., None] > 0
    own = (d.abs() * (is_inner & (s.abs() < CROTCH_FADE[0]))).amax(-1) / LOOSE
    wanted, known = CROTCH_OVERLAP * now.abs(), torch.maximum(own, CROTCH_OVERLAP * before.abs())
    wider = (wanted / known.clamp_min(1e-4)).clamp(1, MOST_WIDER)[..., None]
    wider = torch.lerp(wider, torch.ones_like(wider), smoothstep(*CROTCH_FADE, s))
    return scatter_rows(across, THIGHS, torch.where(is_inner, d * wider, d))


def inwards(body: Tensor) -> Tensor:
    """(B, 2) d of the middle between the hips of joints (B, 33, ≥2) on the left and on the right thigh."""
    hips, knees = (gather_rows(body, pair)[..., :2] for pair in ((LEFT_HIP, RIGHT_HIP), (LEFT_KNEE, RIGHT_KNEE)))
    way, middle = F.normalize(knees - hips, dim=-1, eps=1e-6), hips.mean(1, keepdim=True) - hips
    return way[..., 0] * middle[..., 1] - way[..., 1] * middle[..., 0]


def turn_over(across: Tensor, on_tile: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
    """Where the vertices of all pieces lie across (B, 18, V) and on their tiles (B, 18, V, 2) for palms that look so
    wide over their width in the picture, side (B, 2); negative where they show their other side, as mirror images from
    the wrist on.
    """
    shape, pieces = (ROWS, COLUMNS), (*FOREARM_PIECES, *range(LIMB_PIECES, PIECES))
    d, tile = gather_rows(across, pieces).unflatten(2, shape), gather_rows(on_tile, pieces).unflatten(2, shape)
    s = gather_rows(ribbon_rows(PIECES, across.device)[None], pieces)[..., None]
    side = torch.cat([side, side.repeat_interleave(FINGERS, 1)], 1)[..., None, None]
    arm = (torch.arange(len(pieces), device=s.device) < len(FOREARM_PIECES))[:, None, None]
    d = d * torch.lerp(torch.ones_like(side), side.abs(), smoothstep(*PALM_BEGINS, s) * arm)
    flipped = (side < 0) & (~arm | (s > WRIST))
    seam = ((side < 0) & arm & ((s - WRIST).abs() < SEAM)).unsqueeze(-1)
    d, tile = torch.where(flipped, -d.flip(3), d), torch.where(flipped.unsqueeze(-1), tile.flip(3), tile)
    # What hangs on the wrist would flare out where the texture crosses over.
    d = torch.where(seam[..., 0], d / LOOSE, d)
    middle = tile[:, :, :, COLUMNS // 2, None]
    tile = torch.where(seam, torch.lerp(middle.expand_as(tile), tile, 1 / LOOSE), tile)
    return scatter_rows(across, pieces, d.flatten(2)), scatter_rows(on_tile, pieces, tile.flatten(2, 3))


def finger_depth(hands: Tensor) -> Tensor:
    """(B, 10) z of the fingers of hands (B, 2, 21, 3) relative to their arms', little enough to keep them together.

    Fingers are before their palm, unless they are clearly behind it.
    """
    palm = palm_of(hands)
    knuckles = pick(hands, KNUCKLES)[..., 2].mean(-1, keepdim=True)
    depth = hands[:, :, 1:, 2].unflatten(2, (FINGERS, 4)).mean(-1) - knuckles
    return (FINGER_LAYERS * ((depth / palm.full.unsqueeze(-1)).clamp(-1, 1) - CLEARLY_BEHIND)).flatten(1)


def moved_polylines(polylines: Tensor, rest: Tensor, body: Tensor, torso: Tensor) -> Tensor:
    """The polylines (B, 4, 5, 2) of the picture's limbs at joints body (B, 33, ≥2).

    The caps move with shoulders and hips of the torso (B, 33, ≥2).
    """
    now = limb_polylines(body)
    shoulders = turn_and_size(rest, torso, LEFT_SHOULDER, RIGHT_SHOULDER)
    hips = turn_and_size(rest, torso, LEFT_HIP, RIGHT_HIP)
    change = torch.stack([shoulders, hips], 1).repeat_interleave(LIMBS // 2, 1)  # (B, 4, 2, 2)
    cap = (change @ (polylines[:, :, 0] - polylines[:, :, 1]).unsqueeze(-1))[..., 0]
    return torch.cat([(now[:, :, 1] + cap).unsqueeze(2), now[:, :, 1:]], 2)


def turn_and_size(rest: Tensor, body: Tensor, left: int, right: int) -> Tensor:
    """(B, 2, 2) the similarity that brings the line between two joints of rest (B, 33, ≥2) to that of body."""
    before, after = ((joints[:, left] - joints[:, right])[:, :2] for joints in (rest, body))
    square = before.square().sum(-1).clamp_min(1e-6)
    cosine = (before * after).sum(-1) / square
    sine = (before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) / square
    return torch.stack([torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], -2)
