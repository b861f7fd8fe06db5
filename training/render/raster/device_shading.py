"""`shading.shade` in torch for many pictures at once, on any device; `shading_triton` is the CUDA twin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.render.arrays import Ints
from training.render.raster import fill_kernel
from training.render.raster.device_raster import Hits, chunk_of, corners_of, full_weights, stacked
from training.render.raster.shading import Light, Surface

DULL = 0.6  # a highlight is nothing where its base is smaller
EDGE = 1.001  # texels that stay free at the far sides of a texture, so that its lookup has a right neighbour


@dataclass(frozen=True)
class Surfaces:
    """The looks of C characters, end to end: what `shade` needs besides positions."""

    faces: Tensor  # (C, F, 3) int32; padding has three times the same corner and is never drawn
    place: Tensor  # (C, F, 6) texels of the three corners: x, y, x, y, x, y
    matter: Tensor  # (C, F, 4) shading 0..1, gloss, its power, wrap of the diffuse light
    material: Tensor  # (C, F) uint8
    label: Tensor  # (C, F) uint8, 1..15
    texels: Tensor  # (sum of h·w, 4) uint8 RGBx of all textures
    sheet: Tensor  # (C, 3) long: first texel, width, height
    steps: Tensor  # (C,) levels of cel shading, 0 = smooth

    @classmethod
    def pack(cls, surfaces: Sequence[Surface], labels: Sequence[Ints], device: torch.device | str) -> Surfaces:
        """From what the CPU's rasteriser is given: one Surface and label (F,) of each character."""
        texels, sheet, first = [], [], 0
        for surface in surfaces:
            height, width = surface.texture.shape[:2]
            texels.append(torch.from_numpy(surface.texture).view(-1, 3))
            sheet.append((first, width, height))
            first += height * width

        return cls(
            stacked([s.faces for s in surfaces], device),
            stacked([s.uv[s.corner_uv].reshape(-1, 6) for s in surfaces], device),
            stacked([s.table[s.material] for s in surfaces], device),
            stacked([s.material.astype(np.uint8) for s in surfaces], device),
            stacked([label.astype(np.uint8) for label in labels], device),
            torch.nn.functional.pad(torch.cat([t.to(device) for t in texels]), (0, 1)),
            torch.tensor(sheet, device=device),
            torch.tensor([s.steps for s in surfaces], dtype=torch.float32, device=device),
        )


@dataclass(frozen=True)
class Lights:
    """lights (P, n, 6) and ambient (P, 6) as in `shading.Light`; a light of no colour does nothing."""

    lights: Tensor
    ambient: Tensor

    @classmethod
    def pack(cls, lights: Sequence[Light], device: torch.device | str) -> Lights:
        most = max(len(light.lights) for light in lights)
        rows = np.zeros((len(lights), most, 6), np.float32)
        for row, light in zip(rows, lights, strict=True):
            row[: len(light.lights)] = light.lights
        ambient = np.stack([light.ambient for light in lights]).astype(np.float32)
        return cls(torch.from_numpy(rows).to(device), torch.from_numpy(ambient).to(device))


def shade(
    hits: Hits,
    surfaces: Surfaces,
    character: Tensor,
    vertices: Tensor,
    normal: Tensor,
    dark: Tensor,
    eye: Tensor,
    lights: Lights,
    backend: str = "auto",
) -> Tensor:
    """Colours (P, H, W, 3), RGB, nominally 0..1, of the hit pixels; 0 elsewhere. The formula is `shading.shade`'s.

    vertices (P, V, 3) world, cm, with their unit normals (P, V, 3); dark (P, V) 0..1 multiplies the result (occlusion);
    eye (P, 3) camera positions. backend: see `fill_kernel.cover`.
    """
    size, count = hits.triangle.shape[1], surfaces.faces.shape[1]
    table = torch.cat([vertices, normal, dark[..., None]], 2)  # (P, V, 7)
    if fill_kernel.chosen(table.device, backend) == "triton":
        from training.render.raster import shading_triton  # noqa: PLC0415  (triton comes with the extra `cuda`)

        return shading_triton.shade(
            hits.triangle, hits.weights, table, surfaces.faces, character, surfaces.place, surfaces.texels,
            surfaces.sheet, surfaces.matter, surfaces.steps, eye, lights.lights, lights.ambient, EDGE, DULL,
        )  # fmt: skip
    canvas = torch.zeros(hits.triangle.numel(), 3, device=vertices.device)
    for where in hits.solid().split(chunk_of(vertices.device)):
        picture = torch.div(where, size * size, rounding_mode="floor")
        triangle = hits.triangle.flatten()[where]
        weights = full_weights(hits.weights.view(-1, 2)[where])
        corners = corners_of(table, surfaces.faces, character, picture * count + triangle)
        point = (corners * weights[..., None]).sum(1)  # (N, 7)
        who = character[picture]
        face = who * count + triangle
        albedo = _texture(surfaces, surfaces.place.view(-1, 6)[face], weights, who)
        light, high = _lighting(
            point, eye[picture], surfaces.matter.view(-1, 4)[face], surfaces.steps[who], lights, picture
        )
        canvas[where] = (albedo * light + high[:, None]).clamp_min(0) * point[:, 6:7]
    return canvas.view(*hits.triangle.shape, 3)


def _texture(surfaces: Surfaces, place: Tensor, weights: Tensor, who: Tensor) -> Tensor:
    """Bilinear lookup (N, 3) 0..1 at corner places (N, 6) mixed by weights (N, 3) in the texture of character `who`."""
    first, width, height = surfaces.sheet[who].unbind(1)
    spot = (place.view(-1, 3, 2) * weights[..., None]).sum(1) - 0.5
    x = torch.minimum(spot[:, 0].clamp_min(0), width - EDGE)
    y = torch.minimum(spot[:, 1].clamp_min(0), height - EDGE)
    column, row = x.long(), y.long()
    fx, fy = (x - column)[:, None], (y - row)[:, None]
    at = first + row * width + column
    top = surfaces.texels[at] * (1 - fx) + surfaces.texels[at + 1] * fx
    low = surfaces.texels[at + width] * (1 - fx) + surfaces.texels[at + width + 1] * fx
    return ((top * (1 - fy) + low * fy) / 255)[:, :3]


def _lighting(
    point: Tensor, eye: Tensor, matter: Tensor, steps: Tensor, lights: Lights, picture: Tensor
) -> tuple[Tensor, Tensor]:
    """Factor (N, 3) of the albedo and highlight (N,) at points (N, 7): place, normal, darkness."""
    view = torch.nn.functional.normalize(eye - point[:, :3], dim=1)
    normal = point[:, 3:6]
    turned = torch.where((normal * view).sum(1, keepdim=True) < 0, -1.0, 1.0)  # two-sided
    normal = normal * (turned / (normal.norm(dim=1, keepdim=True) + 1e-9))
    shading, gloss, power, wrap = matter.unbind(1)
    cel, levels = steps > 0, steps.clamp_min(1)
    ambient = lights.ambient[picture]
    light = ambient[:, :3] + (ambient[:, 3:] - ambient[:, :3]) * (0.5 + 0.5 * normal[:, 1:2])
    high = torch.zeros_like(gloss)
    for n in range(lights.lights.shape[1]):
        direction, colour = lights.lights[:, n][picture].split(3, 1)
        diffuse = (((normal * direction).sum(1) + wrap) / (1 + wrap)).clamp_min(0)
        # Cel shading: round up to a few levels with a narrow ramp between them.
        level = diffuse * levels
        stepped = (level.floor() + (level.frac() * 12).clamp_max(1)) / levels
        light = light + torch.where(cel, stepped, diffuse)[:, None] * colour
        half = direction + view
        facing = (normal * half).sum(1) / (half.norm(dim=1) + 1e-9)
        shine = torch.where(facing > DULL, facing.clamp_min(DULL) ** power, 0)
        shine = torch.where(cel, (shine > 0.5).float(), shine)
        high = high + gloss * shine * colour.sum(1) * 0.33
    return 1 + shading[:, None] * (light - 1), high
