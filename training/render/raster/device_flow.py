"""`flow.backward_flow` in torch for many pairs of pictures at once, on any device; `flow_triton` is the CUDA twin."""

from __future__ import annotations

import torch
from torch import Tensor

from training.render.raster import fill_kernel
from training.render.raster.device_raster import Hits, chunk_size, gather_corners, sample_centres, three_weights
from training.render.raster.device_shading import SurfaceBatch
from training.render.raster.device_supersampling import majority_label, pixel_blocks, sample_labels


def backward_flow(
    hits: Hits,
    surfaces: SurfaceBatch,
    character: Tensor,
    screen: Tensor,
    target: Tensor,
    reference: Tensor,
    scale: int,
    tolerance: float = 0.35,
    backend: str = "auto",
) -> tuple[Tensor, Tensor, Tensor]:
    """True flow from each pixel of some pictures to the position of its surface point in others of the same character.

    hits: of all pictures, supersampled `scale` times. character (P,) long. screen (P, V, 3): screen points. target,
    reference (N,) long: picture target[n] flows to reference[n]. tolerance: of the depth test, cm. The background does
    not move. backend: see `fill_kernel.draw_triangles`.
    Returns flow (N, 2, h, w) in canvas units, visibility (N, h, w) 0..1, majority label of each pixel (P, h, w).
    """
    side = hits.triangle.shape[1]
    labels = sample_labels(hits, surfaces.label, character)
    majority = majority_label(labels, scale)
    majority_of_sample = majority.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    in_majority = (labels == majority_of_sample)[target]  # (N, H, W) samples whose label is that of their pixel
    empty = hits.triangle[target] < 0
    reference_covered = (majority != 0).repeat_interleave(scale, 1).repeat_interleave(scale, 2)[reference]
    visible = (in_majority & empty & ~reference_covered).float().flatten()
    shift = torch.zeros(visible.numel(), 2, device=visible.device)
    if fill_kernel.choose_backend(visible.device, backend) == "triton":
        from training.render.raster import flow_triton  # noqa: PLC0415  (triton comes with the extra `cuda`)

        reproject = flow_triton.reproject
    else:
        reproject = _reproject
    reproject(
        in_majority & ~empty, target, reference, hits.triangle, hits.weights, hits.inverse_depth, screen,
        surfaces.faces, character, shift, visible, tolerance,
    )  # fmt: skip
    votes = pixel_blocks(in_majority, scale).sum(-1).clamp_min(1)
    flow = [pixel_blocks(part.view_as(empty), scale).sum(-1) / votes * (2 / side) for part in shift.unbind(1)]
    return torch.stack(flow, 1), pixel_blocks(visible.view_as(empty), scale).sum(-1) / votes, majority


def _reproject(
    wanted: Tensor, target: Tensor, reference: Tensor, triangles: Tensor, weights: Tensor, depth: Tensor,
    points: Tensor, faces: Tensor, character: Tensor, shift: Tensor, visible: Tensor, tolerance: float,
) -> None:  # fmt: skip
    """Project the surface points of target samples into reference pictures, and test whether these show them.

    wanted (N, side, side) bool: samples of the pictures target (N,) to project into reference (N,). triangles (P, side,
    side), weights, depth: of all pictures, as in `Hits`. Writes shift (N·side², 2), in samples, and visible (N·side²,)
    0 or 1, in place, where wanted.
    """
    side, face_count = triangles.shape[1], faces.shape[1]
    for sample in wanted.flatten().nonzero()[:, 0].split(chunk_size(wanted.device)):
        pair = torch.div(sample, side * side, rounding_mode="floor")
        target_sample = sample + (target[pair] - pair) * (side * side)
        other = reference[pair]
        corners = gather_corners(points, faces, character, other * face_count + triangles.flatten()[target_sample])
        # The weights are linear on the surface; in the reference picture x/z is linear, hence the division.
        over_depth = three_weights(weights.view(-1, 2)[target_sample]) / corners[..., 2]
        z = over_depth.sum(1)
        position = (corners[..., :2] * over_depth[..., None]).sum(1) / z[:, None]
        shift[sample] = position - torch.stack(sample_centres(target_sample, side), 1)
        visible[sample] = _depth_test(depth.flatten(), position, z, other, side, tolerance).float()


def _depth_test(depth: Tensor, position: Tensor, z: Tensor, picture: Tensor, side: int, tolerance: float) -> Tensor:
    """Whether picture (N,) shows depth z (N,), cm, within one sample of position (N, 2); depth: all inverse depths.

    The neighbours are tested because at a grazing angle the nearest sample shows another part of the surface.
    """
    column, row = position.floor().clamp(-2, side + 1).nan_to_num(-2).long().unbind(1)
    found = torch.zeros_like(column, dtype=torch.bool)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            x, y = column + dx, row + dy
            inside = (x >= 0) & (x < side) & (y >= 0) & (y < side)
            inverse_depth = depth[(picture * side + y.clamp(0, side - 1)) * side + x.clamp(0, side - 1)]
            found |= inside & (inverse_depth > 0) & ((1 / inverse_depth - z).abs() < tolerance)
    return found & (column >= 0) & (column < side) & (row >= 0) & (row < side)
