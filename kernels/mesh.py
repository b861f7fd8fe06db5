"""Triangle meshes, batched: drawing them into small grids with a depth test, and their normals.

`draw_mesh` is the one place to call; its torch reference is below, its twins in `mesh_numba` (CPU) and `mesh_triton`
(CUDA), which alone asks nothing of the host.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import torch
from torch import Tensor

from kernels.backend import choose

COVERED = -1e-4  # least weight of a cell's corners in a triangle that covers it: neighbours leave no gaps
DEPTHS = 1 << 17  # quantised depths, over z in [-4, 4]
BACK = DEPTHS - 1


class Bucket(NamedTuple):
    """Triangles (F, 3) long that are drawn at most `window` cells wide and high, from their upper left corner.

    shown (B, F) bool: those that are drawn at all; None: every one.
    """

    triangles: Tensor
    window: int
    shown: Tensor | None = None


def draw_mesh(points: Tensor, buckets: list[Bucket], values: Tensor, size: int, backend: str = "auto") -> Tensor:
    """Vertex values (B, V, C) drawn into a size×size grid: (B, C, size, size), zero where there is no mesh.

    points (B, V, 3): x, y in [-1, 1] over the grid, z smaller is nearer. Triangles face us where they are clockwise on
    screen (positive area, y down); the others are skipped. buckets: at most 2¹³ triangles in all. backend: see
    `kernels.backend`.
    """
    twin = choose(backend, points, values, twins=("numba", "triton"))
    if twin != "reference":
        return import_module(f"kernels.mesh_{twin}").draw(points, buckets, values, size)
    return interpolate(*rasterise(points, buckets, size), values.expand(len(points), -1, -1))


def rasterise(points: Tensor, buckets: list[Bucket], size: int) -> tuple[Tensor, Tensor]:
    """Which triangle covers each cell of a size×size grid, and where inside it.

    Returns index (B, size², 3) long: vertex indices, and weight (B, size², 3) float, all zero where nothing is drawn.
    """
    batch, device = len(points), points.device
    best = torch.full((batch * size * size,), BACK << 13, device=device, dtype=torch.int32)
    planes = []
    first = 0
    for bucket in buckets:
        plane, place, key = _candidates(points, bucket, size)
        best = best.scatter_reduce(0, place, key + first, "amin")
        planes.append(plane)
        first += len(bucket.triangles)
    winner = torch.where(best < BACK << 13, best & 0x1FFF, first).long().view(batch, -1)  # `first`: the empty plane
    nothing = points.new_zeros(batch, 1, 9)
    plane = torch.cat([*planes, nothing], 1).gather(1, winner[..., None].expand(-1, -1, 9))  # (B, size², 9)
    at = torch.arange(size * size, device=device)
    column, row = (
        (at % size).to(points.dtype)[:, None],
        torch.div(at, size, rounding_mode="floor").to(points.dtype)[:, None],
    )
    weight = plane[..., 0:3] * column + plane[..., 3:6] * row + plane[..., 6:9]
    corners = torch.cat([b.triangles for b in buckets] + [buckets[0].triangles[:1]])
    return corners[winner], weight


def _candidates(points: Tensor, bucket: Bucket, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weight planes (B, F, 9) of the corners over cell coordinates: a, b, c; the covered cells and their sort keys."""
    triangles, window, shown = bucket
    batch, count, device = len(points), len(triangles), points.device
    corner = points.gather(1, triangles.flatten()[None, :, None].expand(batch, -1, 3)).view(batch, count, 3, 3)
    x, y, z = ((corner[..., 0] + 1) * (size / 2) - 0.5), ((corner[..., 1] + 1) * (size / 2) - 0.5), corner[..., 2]
    dx, dy = x.roll(-2, -1) - x.roll(-1, -1), y.roll(-2, -1) - y.roll(-1, -1)  # the edge opposite to each corner
    area = dx[..., 2] * dy[..., 0] - dy[..., 2] * dx[..., 0]
    drawn = area > 1e-3 if shown is None else (area > 1e-3) & shown
    scale = torch.where(drawn, 1 / area.clamp_min(1e-3), 0).unsqueeze(-1)
    a, b = -dy * scale, dx * scale
    left, top = x.amin(-1).ceil(), y.amin(-1).ceil()
    # Values at the window's first cell; from there, not from the grid's corner, so that little precision is lost.
    start = a * (left.unsqueeze(-1) - x.roll(-1, -1)) + b * (top.unsqueeze(-1) - y.roll(-1, -1))
    start = torch.where(scale > 0, start, -1.0)
    step = torch.arange(window, device=device, dtype=points.dtype)
    along, down = a[..., None, None] * step, b[..., None, None] * step[:, None]
    worst = (start[..., 0, None, None] + along[:, :, 0]) + down[:, :, 0]
    for k in (1, 2):
        worst = torch.minimum(worst, (start[..., k, None, None] + along[:, :, k]) + down[:, :, k])
    covered = (worst >= COVERED).flatten().nonzero()[:, 0]
    triangle = torch.div(covered, window * window, rounding_mode="floor")
    cell = covered - triangle * (window * window)
    row = torch.div(cell, window, rounding_mode="floor")
    column = cell - row * window
    slope = torch.stack([(a * z).sum(-1), (b * z).sum(-1), (start * z).sum(-1), left, top], -1).view(-1, 5)[triangle]
    depth = slope[:, 0] * column + slope[:, 1] * row + slope[:, 2]
    column, row = column + slope[:, 3].long(), row + slope[:, 4].long()
    number = torch.div(triangle, count, rounding_mode="floor")
    kept = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    place = torch.where(kept, (number * size + row) * size + column, 0)
    order = ((depth.clamp(-4, 4) + 4) * ((BACK - 1) / 8)).to(torch.int32)
    key = torch.where(kept, (order << 13) + (triangle - number * count).to(torch.int32), BACK << 13)
    constant = start - a * left.unsqueeze(-1) - b * top.unsqueeze(-1)
    return torch.cat([a, b, constant], -1), place, key


def normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """Unit vertex normals (B, V, 3) of meshes (B, V, 3), area-weighted over each vertex's triangles (B, F, 3) long.

    They point away from us where a triangle faces us as `draw_mesh` has it. On CUDA the order of the sums is not fixed,
    so the last bit is not either, unless torch's deterministic algorithms are on.
    """
    batch, count = vertices.shape[:2]
    out = torch.zeros_like(vertices)
    a, b, c = (vertices.gather(1, triangles[..., k, None].expand(-1, -1, 3)) for k in range(3))
    across = torch.linalg.cross(b - a, c - a)  # (B, F, 3)
    flat = out.view(-1, 3)
    shift = (torch.arange(batch, device=triangles.device) * count)[:, None]
    for k in range(3):
        flat.index_add_(0, (triangles[..., k] + shift).flatten(), across.view(-1, 3))
    return out / (out.norm(dim=-1, keepdim=True) + 1e-12)


def interpolate(index: Tensor, weight: Tensor, values: Tensor) -> Tensor:
    """Vertex values (B, V, C) at the cells that `rasterise` returned: (B, C, size, size); zero where nothing was
    drawn.
    """
    batch, cells, _ = index.shape
    corner = values.gather(1, index.flatten(1)[..., None].expand(-1, -1, values.shape[-1]))
    mixed = (corner.view(batch, cells, 3, -1) * weight.unsqueeze(-1)).sum(2)
    size = round(cells**0.5)
    return mixed.mT.reshape(batch, -1, size, size)
