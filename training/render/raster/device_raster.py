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

# Samples or triangles processed at a time. Each takes 0.1 kB of scratch memory, or 1 kB without Triton.
CHUNK_SAMPLES = {"cpu": 1 << 17, "cuda": 1 << 24}


def chunk_size(device: torch.device) -> int:
    """Samples or triangles that are processed at a time on this device."""
    return CHUNK_SAMPLES.get(device.type, CHUNK_SAMPLES["cuda"])


def pad_stack(rows: Sequence[np.ndarray], device: torch.device | str, empty: float = 0) -> Tensor:
    """Arrays (N, …) of different N as one tensor (C, largest N, …), padded with `empty`."""
    padded = np.full((len(rows), max(map(len, rows)), *rows[0].shape[1:]), empty, rows[0].dtype)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return torch.from_numpy(padded).to(device)


@dataclass(frozen=True)
class Hits:
    """The nearest triangle at each sample of each supersampled picture, as `raster.Hits`."""

    triangle: Tensor  # (P, H, W) int32 index into faces, -1 = background
    weights: Tensor  # (P, H, W, 2) perspective-correct weights of corners 0 and 1; the three sum to 1
    inverse_depth: Tensor  # (P, H, W) 1/cm, 0 = background

    def hit_samples(self) -> Tensor:
        """Flat indices (N,) long of the samples that a triangle covers."""
        return (self.triangle.flatten() >= 0).nonzero()[:, 0]


def rasterise(
    points: Tensor,
    faces: Tensor,
    character: Tensor,
    size: int,
    one_sided: Tensor | None = None,
    backend: str = "auto",
) -> Hits:
    """Rasterise P meshes.

    points (P, V, 3): screen points. faces (C, F, 3) int32. character (P,) long. size: side of the square pictures,
    samples. one_sided (C,): number of leading triangles of each character whose back faces are culled, None = 0. A
    triangle with a corner behind the camera (inverse depth ≤ 0) is skipped. backend: see `fill_kernel.draw_triangles`.
    """
    pictures, count = len(points), faces.shape[1]
    best = torch.zeros(pictures * size * size, dtype=torch.int64, device=points.device)
    one_sided_counts = torch.zeros_like(character) if one_sided is None else one_sided[character]
    chunk = chunk_size(points.device)
    for first in range(0, pictures * count, chunk):
        index = torch.arange(first, min(first + chunk, pictures * count), device=points.device)
        corners = gather_corners(points, faces, character, index)
        box, kept = _boxes(corners, index, count, one_sided_counts, size)
        for rows, samples in _chunks(box[:, fill_kernel.AREA], chunk):
            fill_kernel.draw_triangles(corners[kept[rows]], box[rows], samples, best, size, backend)
    triangle, depth = fill_kernel.unpack(best)
    if fill_kernel.choose_backend(points.device, backend) == "triton":
        from training.render.raster import raster_triton  # noqa: PLC0415  (triton comes with the extra `cuda`)

        weights = raster_triton.corner_weights(triangle, points, faces, character, size)
    else:
        weights = _corner_weights(triangle, points, faces, character, size)
    shape = (pictures, size, size)
    return Hits(triangle.view(shape), weights.view(*shape, 2), depth.view(shape))


def _corner_weights(triangle: Tensor, points: Tensor, faces: Tensor, character: Tensor, size: int) -> Tensor:
    """Barycentric weights (P·size², 2), as in `Hits`, of samples covered by triangles (P·size²,) int32, −1 = none."""
    weights = torch.zeros(len(triangle), 2, device=points.device)
    for sample in (triangle >= 0).nonzero()[:, 0].split(chunk_size(points.device)):
        picture = torch.div(sample, size * size, rounding_mode="floor")
        corners = gather_corners(points, faces, character, picture * faces.shape[1] + triangle[sample])
        px, py = sample_centres(sample, size)
        scaled = torch.stack(fill_kernel.edge_functions(corners, px, py), 1) * corners[:, :, 2]
        weights[sample] = scaled[:, :2] / scaled.sum(1, keepdim=True)
    return weights


def gather_corners(points: Tensor, faces: Tensor, character: Tensor, index: Tensor) -> Tensor:
    """Rows of points (P, V, C) at the corners of triangles: (N, 3, C). index (N,) counts the faces of all pictures."""
    face_count = faces.shape[1]
    picture = torch.div(index, face_count, rounding_mode="floor")
    face = character[picture] * face_count + (index - picture * face_count)
    vertex = faces.reshape(-1, 3)[face].long() + (picture * points.shape[1])[:, None]
    return points.reshape(-1, points.shape[-1])[vertex]


def _boxes(corners: Tensor, index: Tensor, face_count: int, one_sided: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Bounding boxes (M, 6) long, with the columns of `fill_kernel`, of the triangles to draw, and their rows (M,).

    corners (N, 3, 3): triangles. index (N,): of each among the triangles of all pictures. one_sided (P,).
    """
    low, high = corners[..., :2].amin(1), corners[..., :2].amax(1)
    start = (low - 0.5).ceil().clamp(0, size).long()
    extent = (high - 0.5).floor().clamp(-1, size - 1).long() - start + 1
    picture = torch.div(index, face_count, rounding_mode="floor")
    triangle = index - picture * face_count
    a, b, c = corners.unbind(1)
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    # From outside, the corners of a face run counter-clockwise, which is a negative area where y points down.
    front_facing = (area < 0) | ((area > 0) & (triangle >= one_sided[picture]))
    kept = ((extent > 0).all(1) & (corners[..., 2] > 0).all(1) & front_facing).nonzero()[:, 0]
    columns = [*start.unbind(1), extent[:, 0], extent.prod(1), picture, triangle]
    return torch.stack(columns, 1)[kept], kept


def _chunks(sizes: Tensor, limit: int) -> list[tuple[slice, int]]:
    """Slices of rows whose sizes (N,) add up to about `limit`, each with its exact sum; no slice is empty."""
    if not len(sizes):
        return []
    ends = torch.nn.functional.pad(sizes.cumsum(0), (1, 0))
    chunks = -(-int(ends[-1]) // limit)
    cuts = torch.searchsorted(ends, torch.arange(chunks + 1, device=sizes.device) * limit).clamp_max(len(sizes))
    runs = list(zip(cuts.tolist(), ends[cuts].tolist(), strict=True))
    return [(slice(a, b), end - start) for (a, start), (b, end) in pairwise(runs) if b > a]


def sample_centres(sample: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Centres x, y (N,), in samples, of the samples at flat indices (N,)."""
    row = torch.div(sample, size, rounding_mode="floor")
    return (sample - row * size) + 0.5, row % size + 0.5


def three_weights(weights: Tensor) -> Tensor:
    """Barycentric weights (N, 2) of two corners → of all three (N, 3)."""
    return torch.cat([weights, 1 - weights.sum(1, keepdim=True)], 1)


def normals(vertices: Tensor, faces: Tensor, character: Tensor) -> Tensor:
    """`kernels.mesh.normals` of vertices (P, V, 3); picture p has the faces of its character."""
    return mesh.normals(vertices, faces[character].long())
