"""The rasteriser's torch twin: many pictures at once on any device, with the conventions of `raster`.

P pictures show C characters, padded to the same numbers of vertices V and faces F; `character` (P,) long tells which
one a picture shows. There is no loop over triangles or pictures, only over chunks that bound the memory: every triangle
is spread into the samples of its bounding box (`fill_kernel`), the nearest wins, and what follows looks at hit samples
only; `raster_triton` does the same in kernels. Equal to `raster` up to rounding: where a sample lies on an edge, either
side may win.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from kernels import mesh
from training.render.raster import fill_kernel
from training.render.raster.raster import Ints, Light, Surface

LABELS = 16  # more than there are
# Samples or triangles in work at a time: .1 kB of scratch for each, 1 kB where there is no Triton.
CHUNK = {"cpu": 1 << 17, "cuda": 1 << 24}
DULL = 0.6  # a highlight is nothing where its base is smaller
EDGE = 1.001  # texels that stay free at the far sides of a texture, so that its lookup has a right neighbour


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
    """lights (P, n, 6) and ambient (P, 6) as in `raster.Light`; a light of no colour does nothing."""

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
        corners = _corners(points, faces, character, number)
        box, drawn = _boxes(corners, number, count, hollow, size)
        for some, total in _chunks(box[:, fill_kernel.AREA], step):
            fill_kernel.cover(corners[drawn[some]], box[some], total, best, size, backend)
    triangle, depth = fill_kernel.unpack(best)
    kernels = _kernels(points.device, backend)
    weights = (kernels.weigh if kernels else _weigh)(triangle, points, faces, character, size)
    shape = (pictures, size, size)
    return Hits(triangle.view(shape), weights.view(*shape, 2), depth.view(shape))


def _kernels(device: torch.device, backend: str) -> ModuleType | None:
    """`raster_triton` where `fill_kernel.cover` runs on Triton, too."""
    if fill_kernel.chosen(device, backend) != "triton":
        return None
    return import_module("training.render.raster.raster_triton")


def _weigh(triangle: Tensor, points: Tensor, faces: Tensor, character: Tensor, size: int) -> Tensor:
    """Weights (P·size², 2) of the samples that see triangles (P·size²,), as in `Hits`."""
    weights = torch.zeros(len(triangle), 2, device=points.device)
    for where in (triangle >= 0).nonzero()[:, 0].split(chunk_of(points.device)):
        picture = torch.div(where, size * size, rounding_mode="floor")
        corners = _corners(points, faces, character, picture * faces.shape[1] + triangle[where])
        px, py = _centre(where, size)
        near = torch.stack(fill_kernel.edges(corners, px, py), 1) * corners[:, :, 2]
        weights[where] = near[:, :2] / near.sum(1, keepdim=True)
    return weights


def _corners(points: Tensor, faces: Tensor, character: Tensor, number: Tensor) -> Tensor:
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


def _centre(where: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Centres x, y (N,) of the samples at flat places (N,), pixels."""
    row = torch.div(where, size, rounding_mode="floor")
    return (where - row * size) + 0.5, row % size + 0.5


def normals(vertices: Tensor, faces: Tensor, character: Tensor) -> Tensor:
    """`kernels.mesh.normals` of vertices (P, V, 3), each of the P of its character's faces."""
    return mesh.normals(vertices, faces[character].long())


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
    """Colours (P, H, W, 3), RGB, nominally 0..1, of the hit pixels; 0 elsewhere. The formula is `raster.shade`'s.

    vertices (P, V, 3) world, cm, with their unit normals (P, V, 3); dark (P, V) 0..1 multiplies the result (occlusion);
    eye (P, 3) camera positions. backend: see `fill_kernel.cover`.
    """
    size, count = hits.triangle.shape[1], surfaces.faces.shape[1]
    table = torch.cat([vertices, normal, dark[..., None]], 2)  # (P, V, 7)
    kernels = _kernels(table.device, backend)
    if kernels:
        return kernels.shade(
            hits.triangle, hits.weights, table, surfaces.faces, character, surfaces.place, surfaces.texels,
            surfaces.sheet, surfaces.matter, surfaces.steps, eye, lights.lights, lights.ambient, EDGE, DULL,
        )  # fmt: skip
    canvas = torch.zeros(hits.triangle.numel(), 3, device=vertices.device)
    for where in hits.solid().split(chunk_of(vertices.device)):
        picture = torch.div(where, size * size, rounding_mode="floor")
        triangle = hits.triangle.flatten()[where]
        weights = _full(hits.weights.view(-1, 2)[where])
        corners = _corners(table, surfaces.faces, character, picture * count + triangle)
        point = (corners * weights[..., None]).sum(1)  # (N, 7)
        who = character[picture]
        face = who * count + triangle
        albedo = _texture(surfaces, surfaces.place.view(-1, 6)[face], weights, who)
        light, high = _lighting(
            point, eye[picture], surfaces.matter.view(-1, 4)[face], surfaces.steps[who], lights, picture
        )
        canvas[where] = (albedo * light + high[:, None]).clamp_min(0) * point[:, 6:7]
    return canvas.view(*hits.triangle.shape, 3)


def _full(weights: Tensor) -> Tensor:
    """Weights (N, 2) of two corners → of all three (N, 3)."""
    return torch.cat([weights, 1 - weights.sum(1, keepdim=True)], 1)


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


def labels(hits: Hits, label: Tensor, character: Tensor, scale: int) -> Tensor:
    """Majority label (P, h, w) uint8 of each pixel, 0 = background; label (C, F) of each triangle."""
    return _majority(_sample_labels(hits, label, character), scale)


def _sample_labels(hits: Hits, label: Tensor, character: Tensor) -> Tensor:
    """Label (P, H, W) uint8 of each sample, 0 = background."""
    face = hits.triangle + (character * label.shape[1])[:, None, None]
    seen = label.flatten()[face.clamp_min(0)]
    return torch.where(hits.triangle >= 0, seen, 0)


def _blocks(samples: Tensor, scale: int) -> Tensor:
    """Samples (P, H, W) of each pixel: (P, h, w, scale²)."""
    pictures, side = samples.shape[:2]
    size = side // scale
    blocks = samples.view(pictures, size, scale, size, scale).transpose(2, 3)
    return blocks.reshape(pictures, size, size, scale * scale)


def _majority(samples: Tensor, scale: int) -> Tensor:
    """The commonest label of each pixel, the lowest of equally common ones; (P, H, W) → (P, h, w) uint8."""
    block = _blocks(samples, scale)
    rank = (LABELS - 1 - block.short()) + LABELS * (block[..., None] == block[..., None, :]).sum(-1, dtype=torch.int16)
    return (LABELS - 1 - rank.amax(-1) % LABELS).to(torch.uint8)


def coverage(hits: Hits, scale: int) -> Tensor:
    """Matte (P, h, w) 0..1: the part of each pixel that the mesh covers."""
    return _blocks(hits.triangle >= 0, scale).float().mean(-1)


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
    fine = _sample_labels(hits, surfaces.label, character)
    majority = _majority(fine, scale)
    spread = majority.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    counted = (fine == spread)[target]  # (N, H, W): samples that speak for their pixel
    empty = hits.triangle[target] < 0
    hidden = (majority != 0).repeat_interleave(scale, 1).repeat_interleave(scale, 2)[reference]
    seen = (counted & empty & ~hidden).float().flatten()
    shift = torch.zeros(seen.numel(), 2, device=seen.device)
    kernels = _kernels(seen.device, backend)
    (kernels.follow if kernels else _follow)(
        counted & ~empty, target, reference, hits.triangle, hits.weights, hits.inverse_depth, screen, surfaces.faces,
        character, shift, seen, tolerance,
    )  # fmt: skip
    votes = _blocks(counted, scale).sum(-1).clamp_min(1)
    flow = [_blocks(part.view_as(empty), scale).sum(-1) / votes * (2 / side) for part in shift.unbind(1)]
    return torch.stack(flow, 1), _blocks(seen.view_as(empty), scale).sum(-1) / votes, majority


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
        corners = _corners(points, faces, character, other * count + triangles.flatten()[own])
        # Perspective-correct weights act on the surface; the picture needs x/z, hence the division.
        far = _full(weights.view(-1, 2)[own]) / corners[..., 2]
        z = far.sum(1)
        place = (corners[..., :2] * far[..., None]).sum(1) / z[:, None]
        shift[where] = place - torch.stack(_centre(own, side), 1)
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
