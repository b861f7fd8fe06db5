"""Where a picture shows a head's hair, and where its bare skin.

Colours alone cannot tell: hair in the light is as bright as skin in the shade. So each of the two has several colours,
a mixture of Gaussians of one width, found by turns with what each pixel is (expectation maximisation; Dempster, Laird,
Rubin: Maximum Likelihood from Incomplete Data, 1977; in pictures Rother, Kolmogorov, Blake: GrabCut, 2004). Before its
colour is looked at, a pixel is what its place on the head makes likely; afterwards, its neighbours count.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import Bucket, draw_mesh
from models.geometry.grid import box_grid, canvas_box, smoothstep, to_box
from models.geometry.grid_mesh import TRIANGLE_GROWTH, cells_per_unit, face_buckets
from models.geometry.head_palette import main_colours
from models.geometry.inpaint import blur, dilate
from models.geometry.topology import MESH, SKIN, TRIANGLE_EXTENTS, HeadTransform, topology

SIDE = 192  # cells along a side of the box in which parts are told apart
COLOURS, WIDTH = 5, 0.06  # of hair and of skin each, and the deviation of each, RGB
ROUNDS = 6  # of expectation maximisation
ELSE = 0.02  # density of what is neither, such as a collar, a brow or a drawn line
INNER, LASHES = 0.12, 0.07  # canonical units: width of the face's border, and of what surrounds eyes and mouth
BROWS, EARS, CHIN = (-0.35, -0.15), (-0.45, -0.2), (0.9, 1.25)  # y, canonical units: above, and below
# Shares of hair and of skin that are likely at a place; the rest is something else.
FACE, FOREHEAD = (0.02, 0.93), (0.2, 0.78)  # within the face, below the brows and above them
JAW, HAIRLINE = (0.12, 0.84), (0.35, 0.62)  # at its border, below the brows and above them
BESIDE, CROWN, BELOW = (0.6, 0.38), (0.84, 0.14), (0.25, 0.45)  # beside it; above the ears; below the chin
FEATURES = 0.1  # of these shares, where eyes and the open mouth are
AROUND = 2  # cells over which neighbours count
CERTAIN = (0.35, 0.65)  # share of a kind: is none, and is one


class HeadParts(NamedTuple):
    """Hair and skin, `SIDE` × `SIDE` cells of boxes (B, 3), canvas units.

    share: (B, 2, SIDE, SIDE) 0..1 of hair, and of skin. alpha: (B, 1, SIDE, SIDE) 0..1, of the picture.
    """

    share: Tensor
    alpha: Tensor
    box: Tensor

    def on_canvas(self, size: int) -> Tensor:
        """(B, 2, size, size) 0..1 on the canvas, 0 beyond the box and at the edges of a part, where colours are mixed
        with those beyond.
        """
        inner = 1 - dilate(1 - self.share * self.alpha, 1)
        canvas = box_grid(canvas_box(self.box), size)
        where = to_box(canvas.flatten(1, 2), self.box).view_as(canvas)
        return smoothstep(*CERTAIN, F.grid_sample(inner, where, "bilinear", "zeros", False))


def find_parts(person: Tensor, face: Tensor, head: HeadTransform, box: Tensor) -> HeadParts:
    """The parts of heads with landmarks (B, 478, 3), canvas units, and their transform `head`.

    person: (B, 4, S, S), premultiplied RGB and alpha, 0..1. box: (B, 3) around the heads, canvas units.
    """
    colour, alpha = F.grid_sample(person, box_grid(box, SIDE), "bilinear", "zeros", False).split([3, 1], 1)
    colour = (colour / alpha.clamp_min(1e-3)).clamp(0, 1)
    pixels = colour.flatten(2).mT  # (B, N, 3)
    likely = likely_parts(face, head, box)
    share = likely
    for _ in range(ROUNDS):
        certain = ((2 * share[:, :2] - 1).clamp_min(0) * alpha).flatten(2)[..., None]  # (B, 2, N, 1)
        densities = [mixture_density(pixels, *main_colours(pixels, certain[:, part], COLOURS)) for part in (0, 1)]
        odds = torch.stack([*densities, torch.full_like(densities[0], ELSE)], 1).view_as(likely) * likely
        share = odds / odds.sum(1, keepdim=True)
        share = share * blur(share * alpha, AROUND).clamp_min(1e-3)
        share = share / share.sum(1, keepdim=True)
    return HeadParts(share[:, :2], alpha, box)


def likely_parts(face: Tensor, head: HeadTransform, box: Tensor) -> Tensor:
    """Shares (B, 3, SIDE, SIDE) of hair, of skin and of anything else that are likely at each place of a head. In a
    batch the widths of borders are those of the head that is largest in its box.
    """
    mesh, cells = to_box(face[:, :MESH], box), cells_per_unit(head, box, SIDE)
    height = head.inverse(F.pad(box_grid(box, SIDE).flatten(1, 2), (0, 1)))[..., 1].view(len(face), 1, SIDE, SIDE)
    below_brows, below_chin = smoothstep(*BROWS, height), smoothstep(*CHIN, height)
    inside = mesh_cells(mesh, face_buckets(cells, face.device))
    inner = 1 - dilate(1 - inside, max(1, round(INNER * cells)))
    outside = torch.lerp(between(CROWN, BESIDE, smoothstep(*EARS, height)), constant(BELOW, height), below_chin)
    shares = torch.lerp(outside, between(HAIRLINE, JAW, below_brows), inside)
    shares = torch.lerp(shares, between(FOREHEAD, FACE, below_brows), inner)
    features = topology(face.device).triangles[topology(face.device).region != SKIN]
    window = math.ceil(TRIANGLE_EXTENTS[-1] * cells * TRIANGLE_GROWTH) + 1
    drawn = dilate(mesh_cells(mesh, [Bucket(features, window)]), max(1, round(LASHES * cells)))
    shares = shares * (1 - (1 - FEATURES) * drawn)
    return torch.cat([shares, 1 - shares.sum(1, keepdim=True)], 1)


def mesh_cells(mesh: Tensor, buckets: list[Bucket]) -> Tensor:
    """(B, 1, SIDE, SIDE) 0 or 1, the cells that a mesh with vertices (B, V, 3), box units, covers."""
    return draw_mesh(mesh, buckets, torch.ones_like(mesh[..., :1]), SIDE).clamp(0, 1)


def between(first: tuple[float, float], second: tuple[float, float], share: Tensor) -> Tensor:
    """(B, 2, H, W) from one pair of numbers to a second one, by the share (B, 1, H, W) of that."""
    return torch.lerp(constant(first, share), constant(second, share), share)


def constant(pair: tuple[float, float], like: Tensor) -> Tensor:
    """(1, 2, 1, 1) a pair of numbers as a tensor."""
    return like.new_tensor(pair).view(1, 2, 1, 1)


def mixture_density(colour: Tensor, centres: Tensor, share: Tensor) -> Tensor:
    """(B, N) of colours (B, N, 3): Gaussians about centres (B, K, 3), 1 high, each times its share (B, K)."""
    exponent = torch.cdist(colour, centres).square() / (2 * WIDTH**2)
    return (torch.exp(-exponent) @ share[..., None])[..., 0]
