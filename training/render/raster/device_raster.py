"""The rasteriser's torch twin: many pictures at once on any device, with the conventions of `raster`.

P pictures show C characters, padded to the same numbers of vertices V and faces F; `character` (P,) long is the index
of the one that a picture shows. There is no loop over triangles or pictures, only over chunks that bound the memory:
every triangle is spread into the samples of its bounding box (`fill_kernel`) and the nearest wins. `raster_triton` is
the CUDA twin. Equal to `raster` up to rounding: where a sample lies on an edge, either side may win.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from kernels import mesh
from training.render.raster import fill_kernel

# Samples or triangles in work at a time: .1 kB of scratch for each, 1 kB where there is no Triton.
CHUNK = {"cpu": 1 << 17, "cuda": 1 << 24}


def chunk_of(device: torch.device) -> int:
    return CHUNK.get(device.type, CHUNK["cuda"])


def stacked(rows: Sequence[np.ndarray], device: torch.device | str, empty: float = 0) -> Tensor:
    """Arrays (N, …) of different N as one tensor (C, largest N, …), filled up with `empty`."""
    out = np.full((len(rows), max(map(len, rows)), *rows[0].shape[1:]), empty, rows[0].dtype)
    for place, row in zip(out, rows, strict=True):
        place[: len(row)] = row
    return torch.from_numpy(out).to(device)


@dataclass(frozen=True)
class Hits:
    """What each (supersampled) pixel of each picture sees; as `raster.Hits`."""

    triangle: Tensor  # (P, H, W) int32 index into faces, -1 = background
    weights: Tensor  # (P, H, W, 2) perspective-correct weights of corners 0 and 1; corner 2 has the rest
    inverse_depth: Tensor  # (P, H, W) 1/cm, 0 = background

    def solid(self) -> Tensor:
        """Flat places (N,) long of the samples that hit something."""
        return (self.triangle.flatten() >= 0).nonzero()[:, 0]


def fill(
    points: Tensor,
    faces: Tensor,
    character: Tensor,
    size: int,
    closed: Tensor | None = None,
    backend: str = "auto",
) -> Hits:
    """Rasterise P meshes.

    points (P, V, 3) screen points, faces (C, F, 3) int32, size = side of the square (supersampled) pictures in pixels.
    Triangles are two-sided but for the first closed[c] ones of each character (C,), whose backs nobody can see; one
    with a corner behind the camera (inverse depth ≤ 0) is left out. backend: see `fill_kernel.cover`.
    """
    pictures, count = len(points), faces.shape[1]
    best = torch.zeros(pictures * size * size, dtype=torch.int64, device=points.device)
    hollow = torch.zeros_like(character) if closed is None else closed[character]
    step = chunk_of(points.device)
    for first in range(0, pictures * count, step):
        number = torch.arange(first, min(first + step, pictures * count), device=points.device)
        corners = corners_of(points, faces, character, number)
        box, drawn = _boxes(corners, number, count, hollow, size)
        for some, total in _chunks(box[:, fill_kernel.AREA], step):
            fill_kernel.cover(corners[drawn[some]], box[some], total, best, size, backend)
    triangle, depth = fill_kernel.unpack(best)
    if fill_kernel.chosen(points.device, backend) == "triton":
        from training.render.raster import raster_triton  # noqa: PLC0415  (triton comes with the extra `cuda`)

        weights = raster_triton.weigh(triangle, points, faces, character, size)
    else:
        weights = _weigh(triangle, points, faces, character, size)
    shape = (pictures, size, size)
    return Hits(triangle.view(shape), weights.view(*shape, 2), depth.view(shape))


def _weigh(triangle: Tensor, points: Tensor, faces: Tensor, character: Tensor, size: int) -> Tensor:
    """Weights (P·size², 2) of the samples that see triangles (P·size²,), as in `Hits`."""
    weights = torch.zeros(len(triangle), 2, device=points.device)
    for where in (triangle >= 0).nonzero()[:, 0].split(chunk_of(points.device)):
        picture = torch.div(where, size * size, rounding_mode="floor")
        corners = corners_of(points, faces, character, picture * faces.shape[1] + triangle[where])
        px, py = centre_of(where, size)
        near = torch.stack(fill_kernel.edges(corners, px, py), 1) * corners[:, :, 2]
        weights[where] = near[:, :2] / near.sum(1, keepdim=True)
    return weights


def corners_of(points: Tensor, faces: Tensor, character: Tensor, number: Tensor) -> Tensor:
    """Values (N, 3, C) at the corners of triangles; number (N,) counts the faces of all pictures, points (P, V, C)."""
    count = faces.shape[1]
    picture = torch.div(number, count, rounding_mode="floor")
    face = character[picture] * count + (number - picture * count)
    corner = faces.reshape(-1, 3)[face].long() + (picture * points.shape[1])[:, None]
    return points.reshape(-1, points.shape[-1])[corner]


def _boxes(corners: Tensor, number: Tensor, count: int, closed: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Bounding boxes (M, 6) long of the triangles (N, 3, 3) to draw, in the columns of `fill_kernel`; which (M,).

    number (N,) of each triangle among those of all pictures, count of them in each; closed (P,).
    """
    low, high = corners[..., :2].amin(1), corners[..., :2].amax(1)
    start = (low - 0.5).ceil().clamp(0, size).long()
    extent = (high - 0.5).floor().clamp(-1, size - 1).long() - start + 1
    picture = torch.div(number, count, rounding_mode="floor")
    triangle = number - picture * count
    a, b, c = corners.unbind(1)
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    # Seen from outside, the corners of a face run against the clock; y points down here.
    faced = (area < 0) | ((area > 0) & (triangle >= closed[picture]))
    drawn = ((extent > 0).all(1) & (corners[..., 2] > 0).all(1) & faced).nonzero()[:, 0]
    columns = [*start.unbind(1), extent[:, 0], extent.prod(1), picture, triangle]
    return torch.stack(columns, 1)[drawn], drawn


def _chunks(sizes: Tensor, most: int) -> list[tuple[slice, int]]:
    """Runs of rows whose sizes (N,) add up to about `most`, and to what exactly; no run is empty."""
    if not len(sizes):
        return []
    ends = torch.nn.functional.pad(sizes.cumsum(0), (1, 0))
    parts = -(-int(ends[-1]) // most)
    cuts = torch.searchsorted(ends, torch.arange(parts + 1, device=sizes.device) * most).clamp_max(len(sizes))
    runs = list(zip(cuts.tolist(), ends[cuts].tolist(), strict=True))
    return [(slice(a, b), end - start) for (a, start), (b, end) in pairwise(runs) if b > a]


def centre_of(where: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Centres x, y (N,) of the samples at flat places (N,), pixels."""
    row = torch.div(where, size, rounding_mode="floor")
    return (where - row * size) + 0.5, row % size + 0.5


def full_weights(weights: Tensor) -> Tensor:
    """Weights (N, 2) of two corners → of all three (N, 3)."""
    return torch.cat([weights, 1 - weights.sum(1, keepdim=True)], 1)


def normals(vertices: Tensor, faces: Tensor, character: Tensor) -> Tensor:
    """`kernels.mesh.normals` of vertices (P, V, 3), each of the P of its character's faces."""
    return mesh.normals(vertices, faces[character].long())
