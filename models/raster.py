"""Drawing triangle meshes into small grids, vectorised and batched, with a depth test."""

from __future__ import annotations

import torch
from torch import Tensor

FAR = 1 << 30  # depth of "nothing here", larger than every quantised depth


def rasterise(points: Tensor, triangles: Tensor, shown: Tensor, size: int, window: int) -> tuple[Tensor, Tensor]:
    """Which triangle covers each cell of a size×size grid, and where inside it.

    points (B, V, 3): x, y in [-1, 1] over the grid, z smaller is nearer. triangles (F, 3) long, front = clockwise on screen
    (positive area, y down). shown (B, F) bool: triangles to draw; others and back-facing ones are skipped. window: a triangle
    is drawn up to this many cells wide and high from its upper left corner.
    Returns index (B, size², 3) long: vertex indices, and weight (B, size², 3) float, all zero where nothing is drawn.
    """
    batch, device = len(points), points.device
    cell = (points[..., :2] + 1) * (size / 2) - 0.5  # cell i has its centre at i
    corner = cell[:, triangles]  # (B, F, 3, 2)
    x, y = corner[..., 0], corner[..., 1]
    dx, dy = x.roll(-1, -1) - x, y.roll(-1, -1) - y
    area = dx[..., 0] * dy[..., 1] - dy[..., 0] * dx[..., 1]
    shown = shown & (area > 1e-6)
    # Edge k runs from corner k to k+1; its function over the area is the weight of the corner opposite to it.
    scale = 1 / torch.where(shown, area, torch.ones_like(area)).unsqueeze(-1)
    a, b = -dy * scale, dx * scale
    first_x, first_y = x.amin(-1).ceil(), y.amin(-1).ceil()  # (B, F)
    c = a * (first_x.unsqueeze(-1) - x) + b * (first_y.unsqueeze(-1) - y)  # value at the first candidate cell
    step = torch.arange(window, device=device, dtype=points.dtype)
    edge = [
        c[..., k, None, None] + a[..., k, None, None] * step + b[..., k, None, None] * step[:, None] for k in range(3)
    ]  # 3 × (B, F, K, K)
    inside = torch.minimum(torch.minimum(edge[0], edge[1]), edge[2]) >= -1e-4
    z = points[..., 2][:, triangles]
    depth = edge[1] * z[..., 0, None, None] + edge[2] * z[..., 1, None, None] + edge[0] * z[..., 2, None, None]
    column = first_x.long()[..., None, None] + torch.arange(window, device=device)
    row = first_y.long()[..., None, None] + torch.arange(window, device=device)[:, None]
    inside = inside & (column >= 0) & (column < size) & (row >= 0) & (row < size) & shown[..., None, None]
    order = ((depth.clamp(-100, 100) + 200) * 1e6).long()  # micro-units; the triangle's number breaks ties
    count = len(triangles)
    number = torch.arange(count, device=device)[:, None, None]
    key = torch.where(inside, order * count + number, FAR * count)
    place = torch.where(inside, row * size + column, 0)
    best = torch.full((batch, size * size), FAR * count, device=device, dtype=torch.long)
    best = best.scatter_reduce(1, place.flatten(1), key.flatten(1), "amin")
    hit = best < FAR * count
    winner = torch.where(hit, best % count, 0)  # (B, size²)
    at = torch.arange(size * size, device=device)
    along = torch.stack([at % size, at // size], -1).to(points.dtype)  # (size², 2)
    pick = winner[..., None].expand(-1, -1, 3)
    a, b = a.gather(1, pick), b.gather(1, pick)
    value = a * (along[:, :1] - x.gather(1, pick)) + b * (along[:, 1:] - y.gather(1, pick))
    weight = value.roll(-1, -1) * hit.unsqueeze(-1)
    return triangles[winner], weight


def interpolate(index: Tensor, weight: Tensor, values: Tensor) -> Tensor:
    """Vertex values (B, V, C) at the cells that `rasterise` returned: (B, C, size, size); zero where nothing was drawn."""
    batch, cells, _ = index.shape
    corner = values.gather(1, index.flatten(1)[..., None].expand(-1, -1, values.shape[-1]))
    mixed = (corner.view(batch, cells, 3, -1) * weight.unsqueeze(-1)).sum(2)
    size = round(cells**0.5)
    return mixed.mT.reshape(batch, -1, size, size)
