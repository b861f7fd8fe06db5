"""Ribbons: the meshes of limbs, strips of quads along the curves that limbs follow."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from kernels.mesh import Bucket, draw_mesh
from models.geometry.constants import gather_rows
from models.geometry.limb_curve import (
    FINGERS,
    LIMB_END,
    LIMB_SAMPLES,
    LIMB_START,
    LIMBS,
    PIECE_LINES,
    place_on_limb,
)

ROWS, COLUMNS = 24, 7  # vertices of a ribbon along and across
JOINT_OVERLAP = 0.15  # s by which the two segments of a limb overlap at its middle joint, to each side
LOOSE = 1.6  # half widths up to which what hangs on a limb, as wide sleeves do, moves with it
CANVAS_WINDOW = 96  # pixels, of a ribbon's largest triangle on the picture


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def ribbon_rows(pieces: int, device: torch.device) -> Tensor:
    """(K, `ROWS`) s of the rows of the ribbons of the first K = pieces."""
    upper = torch.linspace(LIMB_START, 1 + JOINT_OVERLAP, ROWS, device=device)
    lower = torch.linspace(1 - JOINT_OVERLAP, LIMB_END, ROWS, device=device)
    fingers = torch.linspace(LIMB_START, LIMB_END, ROWS, device=device).expand(2 * FINGERS, -1)
    return torch.cat([torch.stack([upper, lower]).repeat(LIMBS, 1), fingers])[:pieces]


def by_piece(lines: Tensor) -> Tensor:
    """Values of polylines (B, L, ...), L = 4 or 14, for each of their pieces: (B, K, ...), K = 8 or 18."""
    return gather_rows(lines, tuple(line for line in PIECE_LINES if line < lines.shape[1]))


def piece_radii(radii: Tensor) -> Tensor:
    """(B, K, `ROWS`, 2) half widths at the rows of the ribbons, from those of the limbs (B, L, `LIMB_SAMPLES`, 2)."""
    each = by_piece(radii)
    at = (ribbon_rows(each.shape[1], radii.device) - LIMB_START) / (LIMB_END - LIMB_START) * (LIMB_SAMPLES - 1)
    at = at.clamp(0, LIMB_SAMPLES - 1 - 1e-4)
    low = at.floor().long()
    index = low.expand(len(radii), -1, -1).unsqueeze(-1).expand(-1, -1, -1, 2)
    return torch.lerp(each.gather(2, index), each.gather(2, index + 1), (at - low).unsqueeze(-1))


def ribbon_across(radii: Tensor) -> Tensor:
    """(B, K, V) d of the vertices of ribbons, `LOOSE` times as wide as the limbs, with radii (B, L, ·, 2)."""
    line = torch.linspace(-LOOSE, LOOSE, COLUMNS, device=radii.device)
    sides = piece_radii(radii)
    return torch.where(line < 0, line * sides[..., :1], line * sides[..., 1:]).flatten(2)


def place_vertices(polylines: Tensor, across: Tensor) -> Tensor:
    """(B, K, V, 2) places on the canvas of vertices at d = across (B, K, V) of limbs with polylines (B, L, 5, 2)."""
    s = ribbon_rows(across.shape[1], across.device).repeat_interleave(COLUMNS, 1)
    return place_on_limb(by_piece(polylines), s, across)


def draw_ribbons(rest: Tensor, radii: Tensor, size: int) -> Tensor:
    """(B, K, 4, S, S) s, d over the half width on its side, that half width, and 1 where a ribbon covers a pixel of the
    picture. rest (B, K, V, 2): its vertices there.
    """
    sides = piece_radii(radii)
    line = torch.linspace(-LOOSE, LOOSE, COLUMNS, device=rest.device).expand(*sides.shape[:3], -1)
    radius = torch.where(line < 0, sides[..., :1], sides[..., 1:])
    s = ribbon_rows(rest.shape[1], rest.device).unsqueeze(-1).expand_as(line)
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
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def ribbon_triangles(device: torch.device) -> Tensor:
    """(T, 3) triangles of a ribbon, clockwise on screen."""
    vertex = torch.arange(ROWS * COLUMNS, device=device).view(ROWS, COLUMNS)
    a, b, c, d = vertex[:-1, :-1], vertex[1:, :-1], vertex[1:, 1:], vertex[:-1, 1:]
    return torch.cat([torch.stack([a, b, c], -1).view(-1, 3), torch.stack([a, c, d], -1).view(-1, 3)])
