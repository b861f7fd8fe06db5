"""`flow.backward_flow` in torch for many pairs of pictures at once, on any device; `flow_triton` is the CUDA twin."""

from __future__ import annotations

import torch
from torch import Tensor

from training.render.raster import fill_kernel
from training.render.raster.device_raster import Hits, centre_of, chunk_of, corners_of, full_weights
from training.render.raster.device_shading import Surfaces
from training.render.raster.device_supersampling import blocks_of, majority_of, sample_labels


def backward_flow(
    hits: Hits,
    surfaces: Surfaces,
    character: Tensor,
    screen: Tensor,
    target: Tensor,
    reference: Tensor,
    scale: int,
    tolerance: float = 0.35,
    backend: str = "auto",
) -> tuple[Tensor, Tensor, Tensor]:
    """True flow from each pixel of some pictures to the place of its surface point in others of the same character.

    hits of all pictures, supersampled `scale` times; screen (P, V, 3) their screen points; target, reference (N,) long:
    picture target[n] flows to reference[n]; tolerance in cm of the depth test. Background does not move. backend: see
    `fill_kernel.cover`.
    Returns flow (N, 2, h, w) canvas units, visibility (N, h, w) 0..1, label of the majority of each pixel (P, h, w).
    """
    side = hits.triangle.shape[1]
    fine = sample_labels(hits, surfaces.label, character)
    majority = majority_of(fine, scale)
    spread = majority.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    counted = (fine == spread)[target]  # (N, H, W): samples that speak for their pixel
    empty = hits.triangle[target] < 0
    hidden = (majority != 0).repeat_interleave(scale, 1).repeat_interleave(scale, 2)[reference]
    seen = (counted & empty & ~hidden).float().flatten()
    shift = torch.zeros(seen.numel(), 2, device=seen.device)
    if fill_kernel.chosen(seen.device, backend) == "triton":
        from training.render.raster import flow_triton  # noqa: PLC0415  (triton comes with the extra `cuda`)

        follow = flow_triton.follow
    else:
        follow = _follow
    follow(
        counted & ~empty, target, reference, hits.triangle, hits.weights, hits.inverse_depth, screen, surfaces.faces,
        character, shift, seen, tolerance,
    )  # fmt: skip
    votes = blocks_of(counted, scale).sum(-1).clamp_min(1)
    flow = [blocks_of(part.view_as(empty), scale).sum(-1) / votes * (2 / side) for part in shift.unbind(1)]
    return torch.stack(flow, 1), blocks_of(seen.view_as(empty), scale).sum(-1) / votes, majority


def _follow(
    wanted: Tensor, target: Tensor, reference: Tensor, triangles: Tensor, weights: Tensor, depth: Tensor,
    points: Tensor, faces: Tensor, character: Tensor, shift: Tensor, seen: Tensor, tolerance: float,
) -> None:  # fmt: skip
    """Where the surface of samples lies in other pictures, and whether these show it, in place.

    wanted (N, side, side) bool: samples of the pictures target (N,), looked for in reference (N,); triangles (P, side,
    side), weights, depth of all pictures as in `Hits`; shift (N·side², 2) samples, seen (N·side²,) are written where
    wanted.
    """
    side, count = triangles.shape[1], faces.shape[1]
    for where in wanted.flatten().nonzero()[:, 0].split(chunk_of(wanted.device)):
        pair = torch.div(where, side * side, rounding_mode="floor")
        own = where + (target[pair] - pair) * (side * side)
        other = reference[pair]
        corners = corners_of(points, faces, character, other * count + triangles.flatten()[own])
        # Perspective-correct weights act on the surface; the picture needs x/z, hence the division.
        far = full_weights(weights.view(-1, 2)[own]) / corners[..., 2]
        z = far.sum(1)
        place = (corners[..., :2] * far[..., None]).sum(1) / z[:, None]
        shift[where] = place - torch.stack(centre_of(own, side), 1)
        seen[where] = _seen(depth.flatten(), place, z, other, side, tolerance).float()


def _seen(depth: Tensor, place: Tensor, z: Tensor, picture: Tensor, side: int, tolerance: float) -> Tensor:
    """Whether picture (N,) shows depth z (N,) at or beside place (N, 2); depth: all inverse depths, flat.

    Beside, because at a grazing angle the nearest sample is another bit of surface.
    """
    column, row = place.floor().clamp(-2, side + 1).nan_to_num(-2).long().unbind(1)
    near = torch.zeros_like(column, dtype=torch.bool)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            x, y = column + dx, row + dy
            inside = (x >= 0) & (x < side) & (y >= 0) & (y < side)
            d = depth[(picture * side + y.clamp(0, side - 1)) * side + x.clamp(0, side - 1)]
            near |= inside & (d > 0) & ((1 / d - z).abs() < tolerance)
    return near & (column >= 0) & (column < side) & (row >= 0) & (row < side)
