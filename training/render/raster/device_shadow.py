"""`shadow.occlusion` for many pictures at once, on any device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from training.render.raster import device_raster
from training.render.raster.shadow import DEPTH_BIAS, MAP_RADIUS, MAP_SIDE

DEPTH_OFFSET = 500.0  # cm: makes all depths from the light positive
FILTER_OFFSETS = range(-2, 3)  # samples of the depth map that are compared around each vertex


def occlusion(
    vertices: Tensor, casters: Tensor, character: Tensor, normal: Tensor, towards: Tensor, centre: Tensor
) -> Tensor:
    """Share of the light (P, V) 0..1 that other surfaces keep from each vertex.

    vertices (P, V, 3): cm, with their normals (P, V, 3). casters (C, K, 3): triangles of each character that cast
    shadows. character (P,) long. towards (P, 3): unit direction to the light. centre (P, 3): of the head.
    """
    side = normalize(torch.linalg.cross(towards.new_tensor([[0.0, 1.0, 0.001]]).expand_as(towards), towards), dim=1)
    basis = torch.stack([side, torch.linalg.cross(towards, side), towards], 2)  # (P, 3, 3), axes in columns
    points = (vertices - centre[:, None]) @ basis
    points = torch.cat([(points[..., :2] / MAP_RADIUS + 1) * (MAP_SIDE / 2), points[..., 2:] + DEPTH_OFFSET], 2)
    depth = device_raster.rasterise(points, casters, character, MAP_SIDE).inverse_depth.flatten()
    column, row = points[..., 0].long(), points[..., 1].long()
    inside = (column >= 2) & (row >= 2) & (column < MAP_SIDE - 2) & (row < MAP_SIDE - 2)
    picture = torch.arange(len(vertices), device=vertices.device)[:, None]
    sample = torch.where(inside, (picture * MAP_SIDE + row) * MAP_SIDE + column, 2 * MAP_SIDE + 2)
    vertex_depth = points[..., 2] + DEPTH_BIAS
    occluded = torch.zeros_like(vertex_depth)
    for dy in FILTER_OFFSETS:
        for dx in FILTER_OFFSETS:
            occluded += depth[sample + dy * MAP_SIDE + dx] > vertex_depth
    lit = (2.5 * (normal * towards[:, None]).sum(2)).clamp(0, 1)
    return torch.where(inside, occluded / len(FILTER_OFFSETS) ** 2, 0) * lit
