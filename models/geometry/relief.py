"""How deep a character's head is: as deep as a person's, or flatter.

What has a face and is no head, a cup or a mask, is rounder than it is deep. A flat drawing's head is flat, too: on a
person's relief its large eyes would reach around to the temples, and hair beside them would turn away with the ears.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import normals
from models.geometry.kind import Kind
from models.geometry.topology import head_pose, topology

RELIEF = 0.6  # depth of the face of what is no head, over that of a person's
EVEN_RADIUS = 0.25  # canonical units over which that depth is averaged: no lids, no lips
DRAWN_RELIEF = 0.4  # depth of a flat drawing's head, over that of a person's


def head_relief(kind: Kind) -> Tensor:
    """(B,) depth of heads over that of a person's, `DRAWN_RELIEF` to 1: flat drawings are those without lids."""
    return torch.lerp(torch.full_like(kind.lids, DRAWN_RELIEF), torch.ones_like(kind.lids), kind.lids)


def flatness(relief: Tensor) -> Tensor:
    """(B,) 0..1: 0 for heads that are as deep as people's, and 1 for those of flat drawings; relief: `head_relief`."""
    return (1 - relief) / (1 - DRAWN_RELIEF)


def on_relief(face: Tensor, kind: Kind) -> Tensor:
    """Landmarks (B, 478, 3), canvas units, of pictures' faces at the depth that their characters have; x and y stay."""
    near = topology(face.device).canonical[:, :2]
    near = torch.exp(-(torch.cdist(near, near) / EVEN_RADIUS).square())
    even = near @ face[..., 2:] / near.sum(1, keepdim=True)
    sheet = torch.lerp(even[:, topology(face.device).oval].mean(1, keepdim=True), even, RELIEF)
    head = head_pose(face)
    local = head.inverse(face)
    depth = head_relief(kind)[:, None, None] * local[..., 2:]
    of_head = head.apply(torch.cat([local[..., :2], depth], -1))[..., 2:]
    return torch.cat([face[..., :2], torch.lerp(sheet, of_head, kind.skull[:, None, None])], -1)


def normals_on_relief(mean: Tensor, vertices: Tensor, triangles: Tensor, relief: Tensor) -> Tensor:
    """Outward unit normals (B, V, 3) of a part of heads with vertices (B, V, 3) and triangles (F, 3), clockwise as seen
    from outside, on `head_relief` (B,).

    mean: (V, 3) those of a person's mean head. They are more even than a head's own, which count the more the flatter
    it is.
    """
    own = -normals(vertices, triangles.expand(len(vertices), -1, -1))
    return F.normalize(torch.lerp(mean.expand_as(own), own, flatness(relief)[:, None, None]), dim=-1)
