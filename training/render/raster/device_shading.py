"""`shading.shade` in torch for many pictures at once, on any device; `shading_triton` is the CUDA twin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.render.arrays import Ints
from training.render.raster import fill_kernel
from training.render.raster.device_raster import Hits, chunk_size, gather_corners, pad_stack, three_weights
from training.render.raster.shading import Light, Surface

MIN_HIGHLIGHT = 0.6  # cosine between normal and half vector below which highlights are 0
TEXTURE_MARGIN = 1.001  # texels kept free at the right and lower edge, so that bilinear lookups stay inside


@dataclass(frozen=True)
class SurfaceBatch:
    """Textures and materials of C characters: what `shade` needs besides positions.

    faces: (C, F, 3) int32; a padded face has one vertex three times and covers nothing.
    corner_texels: (C, F, 6) texture coordinates of the three corners, texels: x, y, x, y, x, y.
    material_params: (C, F, 4) share of the shading 0..1, gloss, its exponent, wrap of the diffuse light.
    material: (C, F) uint8 index of the material.
    label: (C, F) uint8, 1..15.
    texels: (sum of h·w, 4) uint8 RGBx of all textures, one behind the other.
    texture_layout: (C, 3) long first texel, width, height of each texture.
    cel_levels: (C,) levels of cel shading, 0 = smooth.
    """

    faces: Tensor
    corner_texels: Tensor
    material_params: Tensor
    material: Tensor
    label: Tensor
    texels: Tensor
    texture_layout: Tensor
    cel_levels: Tensor

    @classmethod
    def pack(cls, surfaces: Sequence[Surface], labels: Sequence[Ints], device: torch.device | str) -> SurfaceBatch:
        """Stack one Surface and label (F,) of each character."""
        texels, texture_layout, first = [], [], 0
        for surface in surfaces:
            height, width = surface.texture.shape[:2]
            texels.append(torch.from_numpy(surface.texture).view(-1, 3))
            texture_layout.append((first, width, height))
            first += height * width

        return cls(
            pad_stack([s.faces for s in surfaces], device),
            pad_stack([s.uv[s.corner_uv].reshape(-1, 6) for s in surfaces], device),
            pad_stack([s.materials[s.material] for s in surfaces], device),
            pad_stack([s.material.astype(np.uint8) for s in surfaces], device),
            pad_stack([label.astype(np.uint8) for label in labels], device),
            torch.nn.functional.pad(torch.cat([t.to(device) for t in texels]), (0, 1)),
            torch.tensor(texture_layout, device=device),
            torch.tensor([s.cel_levels for s in surfaces], dtype=torch.float32, device=device),
        )


@dataclass(frozen=True)
class LightBatch:
    """lights (P, n, 6) and ambient (P, 6) as in `shading.Light`; black lights pad pictures that have fewer."""

    lights: Tensor
    ambient: Tensor

    @classmethod
    def pack(cls, lights: Sequence[Light], device: torch.device | str) -> LightBatch:
        """Stack lights on a device."""
        light_count = max(len(light.lights) for light in lights)
        rows = np.zeros((len(lights), light_count, 6), np.float32)
        for row, light in zip(rows, lights, strict=True):
            row[: len(light.lights)] = light.lights
        ambient = np.stack([light.ambient for light in lights]).astype(np.float32)
        return cls(torch.from_numpy(rows).to(device), torch.from_numpy(ambient).to(device))


def shade(
    hits: Hits,
    surfaces: SurfaceBatch,
    character: Tensor,
    vertices: Tensor,
    normal: Tensor,
    brightness: Tensor,
    eye: Tensor,
    lights: LightBatch,
    backend: str = "auto",
) -> Tensor:
    """Colours (P, H, W, 3), RGB, nominally 0..1, of the covered samples; 0 elsewhere. The formula is `shading.shade`'s.

    character (P,) long. vertices (P, V, 3): world, cm. normal (P, V, 3): unit normals. brightness (P, V): 0..1
    multiplies the result. eye (P, 3): positions of the cameras. backend: see `fill_kernel.draw_triangles`.
    """
    size, faces_per_character = hits.triangle.shape[1], surfaces.faces.shape[1]
    table = torch.cat([vertices, normal, brightness[..., None]], 2)  # (P, V, 7)
    if fill_kernel.choose_backend(table.device, backend) == "triton":
        from training.render.raster import shading_triton  # noqa: PLC0415  (triton comes with the extra `cuda`)

        return shading_triton.shade(
            hits.triangle, hits.weights, table, surfaces.faces, character, surfaces.corner_texels, surfaces.texels,
            surfaces.texture_layout, surfaces.material_params, surfaces.cel_levels, eye, lights.lights, lights.ambient,
            TEXTURE_MARGIN, MIN_HIGHLIGHT,
        )  # fmt: skip
    canvas = torch.zeros(hits.triangle.numel(), 3, device=vertices.device)
    for sample in hits.hit_samples().split(chunk_size(vertices.device)):
        picture = torch.div(sample, size * size, rounding_mode="floor")
        triangle = hits.triangle.flatten()[sample]
        weights = three_weights(hits.weights.view(-1, 2)[sample])
        corners = gather_corners(table, surfaces.faces, character, picture * faces_per_character + triangle)
        point = (corners * weights[..., None]).sum(1)  # (N, 7)
        owner = character[picture]
        face = owner * faces_per_character + triangle
        albedo = _texture(surfaces, surfaces.corner_texels.view(-1, 6)[face], weights, owner)
        light, highlight = _lighting(
            point, eye[picture], surfaces.material_params.view(-1, 4)[face], surfaces.cel_levels[owner], lights, picture
        )
        canvas[sample] = (albedo * light + highlight[:, None]).clamp_min(0) * point[:, 6:7]
    return canvas.view(*hits.triangle.shape, 3)


def _texture(surfaces: SurfaceBatch, corner_texels: Tensor, weights: Tensor, owner: Tensor) -> Tensor:
    """Albedo (N, 3) 0..1: bilinear lookup at corner_texels (N, 6) mixed by weights (N, 3) in the owner's texture."""
    first, width, height = surfaces.texture_layout[owner].unbind(1)
    uv = (corner_texels.view(-1, 3, 2) * weights[..., None]).sum(1) - 0.5
    x = torch.minimum(uv[:, 0].clamp_min(0), width - TEXTURE_MARGIN)
    y = torch.minimum(uv[:, 1].clamp_min(0), height - TEXTURE_MARGIN)
    column, row = x.long(), y.long()
    fx, fy = (x - column)[:, None], (y - row)[:, None]
    texel = first + row * width + column
    top = surfaces.texels[texel] * (1 - fx) + surfaces.texels[texel + 1] * fx
    bottom = surfaces.texels[texel + width] * (1 - fx) + surfaces.texels[texel + width + 1] * fx
    return ((top * (1 - fy) + bottom * fy) / 255)[:, :3]


def _lighting(
    point: Tensor, eye: Tensor, material_params: Tensor, cel_levels: Tensor, lights: LightBatch, picture: Tensor
) -> tuple[Tensor, Tensor]:
    """Factor (N, 3) of the albedo, and highlight (N,), at points (N, 7): position, normal, brightness."""
    view = torch.nn.functional.normalize(eye - point[:, :3], dim=1)
    normal = point[:, 3:6]
    side = torch.where((normal * view).sum(1, keepdim=True) < 0, -1.0, 1.0)  # two-sided
    normal = normal * (side / (normal.norm(dim=1, keepdim=True) + 1e-9))
    shading, gloss, power, wrap = material_params.unbind(1)
    cel, level_count = cel_levels > 0, cel_levels.clamp_min(1)
    ambient = lights.ambient[picture]
    light = ambient[:, :3] + (ambient[:, 3:] - ambient[:, :3]) * (0.5 + 0.5 * normal[:, 1:2])
    highlight = torch.zeros_like(gloss)
    for n in range(lights.lights.shape[1]):
        direction, colour = lights.lights[:, n][picture].split(3, 1)
        diffuse = (((normal * direction).sum(1) + wrap) / (1 + wrap)).clamp_min(0)
        # Cel shading: round up to a few levels with a narrow ramp between them.
        level = diffuse * level_count
        stepped = (level.floor() + (level.frac() * 12).clamp_max(1)) / level_count
        light = light + torch.where(cel, stepped, diffuse)[:, None] * colour
        halfway = direction + view
        facing = (normal * halfway).sum(1) / (halfway.norm(dim=1) + 1e-9)
        shine = torch.where(facing > MIN_HIGHLIGHT, facing.clamp_min(MIN_HIGHLIGHT) ** power, 0)
        shine = torch.where(cel, (shine > 0.5).float(), shine)
        highlight = highlight + gloss * shine * colour.sum(1) * 0.33
    return 1 + shading[:, None] * (light - 1), highlight
