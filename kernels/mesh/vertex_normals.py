"""Vertex normals of triangle meshes."""

from __future__ import annotations

import torch
from torch import Tensor


def normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """Unit vertex normals (B, V, 3) of meshes (B, V, 3), area-weighted over each vertex's triangles (B, F, 3) long.

    They point away from the camera where a triangle is front-facing as `kernels.mesh.draw_mesh` defines it. On CUDA the
    order of the sums is not fixed, so the last bit is not either, unless torch's deterministic algorithms are on.
    """
    batch, count = vertices.shape[:2]
    out = torch.zeros_like(vertices)
    a, b, c = (vertices.gather(1, triangles[..., k, None].expand(-1, -1, 3)) for k in range(3))
    cross = torch.linalg.cross(b - a, c - a)  # (B, F, 3)
    flat = out.view(-1, 3)
    first_vertex = (torch.arange(batch, device=triangles.device) * count)[:, None]
    for k in range(3):
        flat.index_add_(0, (triangles[..., k] + first_vertex).flatten(), cross.view(-1, 3))
    return out / (out.norm(dim=-1, keepdim=True) + 1e-12)
