"""How deep a character's head is: as deep as a person's, or flatter.

What has a face and is no head, a cup or a mask, is rounder than it is deep. A head drawn with large eyes is flat, too:
on a person's relief such eyes would reach around to the temples, and the hair beside them would turn away with the ears.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.grid import smoothstep
from models.geometry.topology import (
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    head_pose,
    topology,
)

RELIEF = 0.6  # depth of the face of what is no head, over that of a person's
EVEN_RADIUS = 0.25  # canonical units over which that depth is averaged: no lids, no lips
# Width of an eye, canonical units: .29 to .37 of people, paintings and realistic drawings, .49 of a cartoon, .59 in the
# style of anime. A head is as deep as a person's up to the first, and as flat as `DRAWN_RELIEF` from the second on.
DRAWN_EYES, DRAWN_RELIEF = (0.4, 0.55), 0.4
LEVEL = 0.1  # canonical z, just behind the corners of the eyes, behind which a drawn face is flatter


def flattened(face: Tensor, has_skull: Tensor) -> Tensor:
    """Landmarks (B, 478, 3) of pictures' faces at the depth that their characters have; x and y stay.

    has_skull (B,): 0..1, 1 for a head.
    """
    near = topology(face.device).canonical[:, :2]
    near = torch.exp(-(torch.cdist(near, near) / EVEN_RADIUS).square())
    even = near @ face[..., 2:] / near.sum(1, keepdim=True)
    flat = torch.lerp(even[:, topology(face.device).oval].mean(1, keepdim=True), even, RELIEF)
    head = head_pose(face)
    local = head.inverse(face)
    depth = local[..., 2:] - (1 - drawn_relief(face))[:, None, None] * (local[..., 2:] - LEVEL).clamp_min(0)
    drawn = head.apply(torch.cat([local[..., :2], depth], -1))[..., 2:]
    return torch.cat([face[..., :2], torch.lerp(flat, drawn, has_skull[:, None, None])], -1)


def drawn_relief(face: Tensor) -> Tensor:
    """(B,) depth of heads with landmarks (B, 478, 3) behind `LEVEL`, over that of a person's: `DRAWN_RELIEF` to 1."""
    local = head_pose(face).inverse(face)
    corners = [(RIGHT_EYE_OUTER, RIGHT_EYE_INNER), (LEFT_EYE_INNER, LEFT_EYE_OUTER)]
    width = sum((local[:, outer] - local[:, inner])[:, :2].norm(dim=-1) for outer, inner in corners) / 2
    return 1 - (1 - DRAWN_RELIEF) * smoothstep(*DRAWN_EYES, torch.as_tensor(width))


def flattened_normals(face: Tensor, relief: Tensor) -> Tensor:
    """Outward normals (B, N, 3), canonical axes, of the canonical face's first N landmarks, on `drawn_relief` (B,).

    face: (N, 3) their normals on a person's relief. A surface whose depth is k times as large has normals whose z is
    1 / k as large, before they are of unit length.
    """
    deep = topology(face.device).canonical[: len(face), 2] > LEVEL
    steeper = torch.where(deep, relief[:, None], 1.0)
    return F.normalize(torch.cat([face[:, :2].expand(len(relief), -1, -1), face[:, 2:] / steeper[..., None]], -1), dim=-1)
