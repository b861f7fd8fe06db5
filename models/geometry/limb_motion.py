"""Limbs in a frame: where their ribbons lie now, which of them is before which, and the maps that draw them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from kernels.mesh import Bucket, draw_mesh
from models.geometry.body import LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER, shoulder_width
from models.geometry.limb_claims import piece_behind, piece_depth, upper_pieces
from models.geometry.limb_curve import LIMBS, limb_polylines
from models.geometry.limbs import Limbs
from models.geometry.ribbons import bounding_boxes, place_vertices, ribbon_triangles

LIMB_CELLS = 96  # M, along a side of a piece's map
LIMB_WINDOW = 40  # cells, of a ribbon's largest triangle
BEHIND_BODY, BEFORE_BODY, BEFORE_ALL = 0, 1, 2  # the images that pieces are drawn into
NOT_DRAWN = -1


class MovedLimbs(NamedTuple):
    """The limbs of B pictures in one frame, as `kernels.tiles.draw_tiles` takes them; K = `PIECES`, M = `LIMB_CELLS`.

    maps: (B, K, 3, M, M), where the cells of each piece's box lie on its tile, x and y in −1..1, and 1 where it covers
    them. boxes: (B, K, 3). order: (B, K), numbers of the pieces, the farthest first. slot: (B, K), the image each
    belongs to.
    """

    maps: Tensor
    boxes: Tensor
    order: Tensor
    slot: Tensor


def move_limbs(limbs: Limbs, rest: Tensor, body: Tensor, growth: Tensor) -> MovedLimbs:
    """The limbs of pictures with joints rest (B, 33, ≥3) at joints body (B, 33, 3).

    growth (B,): the character's size now over that in the picture.
    """
    polylines = moved_polylines(limbs.polylines, rest, body)
    vertices = place_vertices(polylines, limbs.across * growth[:, None, None])
    boxes = bounding_boxes(vertices)
    points = (vertices - boxes[:, :, None, :2]) / boxes[:, :, None, 2:]
    near = limbs.across.abs()  # folded at the inside of a bend, the part nearer to the bone is drawn
    points = torch.cat([points, near.unsqueeze(-1)], -1).flatten(0, 1)
    values = torch.cat([limbs.on_tile, torch.ones_like(near).unsqueeze(-1)], -1).flatten(0, 1)
    buckets = [Bucket(ribbon_triangles(rest.device), LIMB_WINDOW)]
    maps = draw_mesh(points, buckets, values, LIMB_CELLS).unflatten(0, boxes.shape[:2])
    depth, width = body[..., 2], shoulder_width(rest)
    order = piece_depth(depth).argsort(1, descending=True)
    before = torch.where(upper_pieces(rest.device), BEFORE_BODY, BEFORE_ALL)
    slot = torch.where(piece_behind(depth, width), BEHIND_BODY, before)
    slot = torch.where(limbs.shown > 0.5, slot, NOT_DRAWN)
    return MovedLimbs(maps, boxes, order, slot)


def moved_polylines(polylines: Tensor, rest: Tensor, body: Tensor) -> Tensor:
    """The polylines (B, 4, 5, 2) of the picture's limbs at joints body (B, 33, ≥2).

    The caps move with shoulders and hips.
    """
    now = limb_polylines(body)
    shoulders = turn_and_size(rest, body, LEFT_SHOULDER, RIGHT_SHOULDER)
    hips = turn_and_size(rest, body, LEFT_HIP, RIGHT_HIP)
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
