"""The meshes that the picture is drawn with: a regular grid over the canvas or the focus box, and the face's mesh."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from kernels.mesh import Bucket
from models.config import GUIDE_SIDE
from models.geometry.topology import TRIANGLE_EXTENTS, HeadTransform, topology

TRIANGLE_GROWTH = 1.6  # triangles may grow by this factor before they leave gaps
LATTICE_SIDE = 37  # vertices along one side of the grid mesh
LATTICE_REACH = 1.2  # the grid mesh's side over its box's: what moves in from outside is there, too


@cache
def lattice_points(device: torch.device) -> Tensor:
    """(V, 2) vertices of the grid mesh, corners at ±1."""
    line = torch.linspace(-1, 1, LATTICE_SIDE, device=device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1).view(-1, 2)


@cache
def lattice_triangles(device: torch.device) -> Tensor:
    """(T, 3) triangles of the grid mesh, clockwise on screen."""
    vertex = torch.arange(LATTICE_SIDE * LATTICE_SIDE, device=device).view(LATTICE_SIDE, LATTICE_SIDE)
    a, b, c, d = vertex[:-1, :-1], vertex[:-1, 1:], vertex[1:, 1:], vertex[1:, :-1]
    return torch.cat([torch.stack([a, b, c], -1).view(-1, 3), torch.stack([a, c, d], -1).view(-1, 3)])


def visible_triangles(triangle_visible: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of the grid triangles that any picture of a batch shows, of the canvas's and of the focus box's mesh.

    triangle_visible (B, 2, T) bool: `Rig.triangle_visible`.
    """
    canvas, focus = (triangle_visible[:, k].any(0).nonzero()[:, 0] for k in (0, 1))
    return canvas, focus


def cells_per_unit(head: HeadTransform, focus: Tensor, side: int = GUIDE_SIDE) -> float:
    """Cells per canonical unit, of `side` along each side of the boxes (B, 3), the largest of a batch."""
    return float((head.scale / focus[:, 2]).max()) * side / 2


def face_buckets(cells: float, device: torch.device) -> list[Bucket]:
    """The face's mesh for `draw_mesh`, on a grid with `cells` cells per canonical unit."""
    face = topology(device)
    first, second = face.class_ends
    classes = (face.triangles[:first], face.triangles[first:second], face.triangles[second:])
    return [
        Bucket(triangles, math.ceil(extent * cells * TRIANGLE_GROWTH) + 1)
        for triangles, extent in zip(classes, TRIANGLE_EXTENTS, strict=True)
    ]
