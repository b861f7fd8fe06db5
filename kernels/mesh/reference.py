"""`draw_mesh` in torch: the specification, and the backend for training and export."""

from __future__ import annotations

import torch
from torch import Tensor

from kernels.mesh.bucket import DEPTH_SCALE, EMPTY, MIN_AREA, MIN_WEIGHT, TRIANGLE_BITS, TRIANGLE_MASK, Bucket


def draw_mesh(points: Tensor, buckets: list[Bucket], values: Tensor, size: int) -> Tensor:
    """See `kernels.mesh.draw_mesh`."""
    return interpolate(*rasterise(points, buckets, size), values.expand(len(points), -1, -1))


def rasterise(points: Tensor, buckets: list[Bucket], size: int) -> tuple[Tensor, Tensor]:
    """Which triangle covers each cell of a size×size grid, and the barycentric weights of its corners there.

    points, buckets: as in `kernels.mesh.draw_mesh`. Returns index (B, size², 3) long, vertex indices, and weight
    (B, size², 3) float, all 0 in a cell that no triangle covers.
    """
    batch, device = len(points), points.device
    best = torch.full((batch * size * size,), EMPTY, device=device, dtype=torch.int32)
    planes = []
    first = 0
    for bucket in buckets:
        plane, cell, key = _candidates(points, bucket, size)
        best = best.scatter_reduce(0, cell, key + first, "amin")
        planes.append(plane)
        first += len(bucket.triangles)
    # An empty cell gets the number `first`, that of a triangle whose weights are all 0.
    nearest = torch.where(best < EMPTY, best & TRIANGLE_MASK, first).long().view(batch, -1)
    no_weight = points.new_zeros(batch, 1, 9)
    plane = torch.cat([*planes, no_weight], 1).gather(1, nearest[..., None].expand(-1, -1, 9))  # (B, size², 9)
    cells = torch.arange(size * size, device=device)
    column = (cells % size).to(points.dtype)[:, None]
    row = torch.div(cells, size, rounding_mode="floor").to(points.dtype)[:, None]
    weight = plane[..., 0:3] * column + plane[..., 3:6] * row + plane[..., 6:9]
    corners = torch.cat([b.triangles for b in buckets] + [buckets[0].triangles[:1]])
    return corners[nearest], weight


def _candidates(points: Tensor, bucket: Bucket, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """The barycentric weights of a bucket's triangles, and the cells that these cover.

    Returns planes (B, F, 9): the weight of corner k is plane[k] · column + plane[3 + k] · row + plane[6 + k]; and of
    each covered cell its flat index (M,) in the batch and its sort key (M,).
    """
    triangles, window, visible = bucket
    batch, count, device = len(points), len(triangles), points.device
    corner = points.gather(1, triangles.flatten()[None, :, None].expand(batch, -1, 3)).view(batch, count, 3, 3)
    x, y, z = ((corner[..., 0] + 1) * (size / 2) - 0.5), ((corner[..., 1] + 1) * (size / 2) - 0.5), corner[..., 2]
    dx, dy = x.roll(-2, -1) - x.roll(-1, -1), y.roll(-2, -1) - y.roll(-1, -1)  # the edge opposite to each corner
    area = dx[..., 2] * dy[..., 0] - dy[..., 2] * dx[..., 0]
    drawn = area > MIN_AREA if visible is None else (area > MIN_AREA) & visible
    scale = torch.where(drawn, 1 / area.clamp_min(MIN_AREA), 0).unsqueeze(-1)
    a, b = -dy * scale, dx * scale
    left, top = x.amin(-1).ceil(), y.amin(-1).ceil()
    # Weights at the window's first cell: relative to it, not to the grid's corner, so that little precision is lost.
    start = a * (left.unsqueeze(-1) - x.roll(-1, -1)) + b * (top.unsqueeze(-1) - y.roll(-1, -1))
    start = torch.where(scale > 0, start, -1.0)
    step = torch.arange(window, device=device, dtype=points.dtype)
    across, down = a[..., None, None] * step, b[..., None, None] * step[:, None]
    least = (start[..., 0, None, None] + across[:, :, 0]) + down[:, :, 0]
    for k in (1, 2):
        least = torch.minimum(least, (start[..., k, None, None] + across[:, :, k]) + down[:, :, k])
    covered = (least >= MIN_WEIGHT).flatten().nonzero()[:, 0]
    triangle = torch.div(covered, window * window, rounding_mode="floor")
    in_window = covered - triangle * (window * window)
    row = torch.div(in_window, window, rounding_mode="floor")
    column = in_window - row * window
    slope = torch.stack([(a * z).sum(-1), (b * z).sum(-1), (start * z).sum(-1), left, top], -1).view(-1, 5)[triangle]
    depth = slope[:, 0] * column + slope[:, 1] * row + slope[:, 2]
    column, row = column + slope[:, 3].long(), row + slope[:, 4].long()
    entry = torch.div(triangle, count, rounding_mode="floor")
    on_grid = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    cell = torch.where(on_grid, (entry * size + row) * size + column, 0)
    level = ((depth.clamp(-4, 4) + 4) * DEPTH_SCALE).to(torch.int32)
    key = torch.where(on_grid, (level << TRIANGLE_BITS) + (triangle - entry * count).to(torch.int32), EMPTY)
    constant = start - a * left.unsqueeze(-1) - b * top.unsqueeze(-1)
    return torch.cat([a, b, constant], -1), cell, key


def interpolate(index: Tensor, weight: Tensor, values: Tensor) -> Tensor:
    """Vertex values (B, V, C) at the cells that `rasterise` returned: (B, C, size, size); 0 in empty cells."""
    batch, cells, _ = index.shape
    corner = values.gather(1, index.flatten(1)[..., None].expand(-1, -1, values.shape[-1]))
    mixed = (corner.view(batch, cells, 3, -1) * weight.unsqueeze(-1)).sum(2)
    size = round(cells**0.5)
    return mixed.mT.reshape(batch, -1, size, size)
