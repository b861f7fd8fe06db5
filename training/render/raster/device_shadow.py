"""`shadow.occlusion` for many pictures at once, on any device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from training.render.raster import device_raster
from training.render.raster.shadow import BIAS, REACH, SIDE

FAR = 500.0  # cm: puts what the light sees before its eye
AROUND = range(-2, 3)  # samples of the depth map that are asked around each vertex


def occlusion(
    vertices: Tensor, casters: Tensor, character: Tensor, normal: Tensor, towards: Tensor, centre: Tensor
) -> Tensor:
    """How much of the light each vertex lacks (P, V) 0..1 because other surface is in the way.

    vertices (P, V, 3) cm and their normals (P, V, 3); casters (C, K, 3) triangles that cast shadows, of character (P,);
    towards (P, 3) the light, centre (P, 3) of the head.
    """
    side = normalize(torch.linalg.cross(towards.new_tensor([[0.0, 1.0, 0.001]]).expand_as(towards), towards), dim=1)
    basis = torch.stack([side, torch.linalg.cross(towards, side), towards], 2)  # (P, 3, 3), axes in columns
    points = (vertices - centre[:, None]) @ basis
    points = torch.cat([(points[..., :2] / REACH + 1) * (SIDE / 2), points[..., 2:] + FAR], 2)
    depth = device_raster.fill(points, casters, character, SIDE).inverse_depth.flatten()
    column, row = points[..., 0].long(), points[..., 1].long()
    known = (column >= 2) & (row >= 2) & (column < SIDE - 2) & (row < SIDE - 2)
    picture = torch.arange(len(vertices), device=vertices.device)[:, None]
    at = torch.where(known, (picture * SIDE + row) * SIDE + column, 2 * SIDE + 2)
    own = points[..., 2] + BIAS
    count = torch.zeros_like(own)
    for dy in AROUND:
        for dx in AROUND:
            count += depth[at + dy * SIDE + dx] > own
    lit = (2.5 * (normal * towards[:, None]).sum(2)).clamp(0, 1)
    return torch.where(known, count / len(AROUND) ** 2, 0) * lit
