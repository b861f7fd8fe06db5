"""Random triangle meshes for the rasterisers: one by one for numba, and as a batch on a device."""

from __future__ import annotations

import numpy as np
import torch

from training.render.raster import device_raster, device_shading, raster
from training.render.raster.shading import Light, Surface

SIDE = 96  # samples


class RandomMesh:
    """A random mesh: a few large triangles, many small ones, some behind the camera, outside or without area."""

    def __init__(self, seed: int, count: int) -> None:
        rng = np.random.default_rng(seed)
        centres = rng.uniform(-1.2, 1.2, (count, 1, 3)) * [6, 6, 4]
        corners = centres + rng.normal(0, 1, (count, 3, 3)) * rng.choice(
            [0.05, 0.3, 3.0], (count, 1, 1), p=[0.6, 0.3, 0.1]
        )
        self.vertices = corners.reshape(-1, 3).astype(np.float32)
        self.brightness = rng.uniform(0.3, 1, len(self.vertices)).astype(np.float32)
        faces = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
        faces[0] = faces[0, 0]
        self.label = rng.integers(1, 6, count).astype(np.int32)
        materials = np.stack(
            [rng.uniform(0, 1, 6), rng.uniform(0, 0.3, 6), rng.uniform(8, 120, 6), rng.uniform(0, 0.5, 6)], 1
        )
        height, width = rng.integers(20, 60, 2)
        self.surface = Surface(
            faces, faces, rng.uniform(-2, 62, (3 * count, 2)).astype(np.float32),
            rng.integers(0, 256, (height, width, 3), dtype=np.uint8), rng.integers(0, 6, count).astype(np.int32),
            materials.astype(np.float32), int(seed % 3),
        )  # fmt: skip
        lights = rng.normal(0, 1, (1 + seed % 3, 6))
        lights[:, :3] /= np.linalg.norm(lights[:, :3], axis=1, keepdims=True)
        lights[:, 3:] = np.abs(lights[:, 3:]) * 0.4
        self.light = Light(lights.astype(np.float32), rng.uniform(0.2, 0.6, 6).astype(np.float32))
        self.eye = np.array([0, 0, 10], np.float32)

    def screen(self, vertices: np.ndarray) -> np.ndarray:
        z = 10 - vertices[:, 2]
        safe = np.where(z > 0.1, z, 1)
        x, y = (1 + 1.4 * vertices[:, 0] / safe) * SIDE / 2, (1 - 1.4 * vertices[:, 1] / safe) * SIDE / 2
        return np.stack([x, y, np.where(z > 6.5, 1 / safe, 0)], 1).astype(np.float32)

    def moved(self, frame: int) -> np.ndarray:
        return (self.vertices + np.float32([0.2, -0.1, 0.3]) * frame).astype(np.float32)


class MeshBatch:
    """Two meshes of different size in five pictures, on a device, and one by one in numba."""

    def __init__(self, device: str) -> None:
        self.meshes = [RandomMesh(1, 700), RandomMesh(2, 1100)]
        self.owners = [0, 1, 0, 1, 1]
        self.frames = [0, 0, 1, 1, 2]
        self.surfaces = device_shading.SurfaceBatch.pack(
            [s.surface for s in self.meshes], [s.label for s in self.meshes], device
        )
        self.character = torch.tensor(self.owners, device=device)
        self.vertices = self.padded(
            [self.meshes[n].moved(f) for n, f in zip(self.owners, self.frames, strict=True)], device
        )
        self.screens = [
            self.meshes[n].screen(self.meshes[n].moved(f)) for n, f in zip(self.owners, self.frames, strict=True)
        ]
        self.screen = self.padded(self.screens, device)
        self.brightness = self.padded([self.meshes[n].brightness[:, None] for n in self.owners], device)[..., 0]
        self.eye = torch.tensor(np.stack([self.meshes[n].eye for n in self.owners]), device=device)
        self.lights = device_shading.LightBatch.pack([self.meshes[n].light for n in self.owners], device)

    @staticmethod
    def padded(rows: list[np.ndarray], device: str) -> torch.Tensor:
        out = np.zeros((len(rows), max(map(len, rows)), rows[0].shape[1]), np.float32)
        for row, values in zip(out, rows, strict=True):
            row[: len(values)] = values
        return torch.from_numpy(out).to(device)

    def rasterise(self) -> device_raster.Hits:
        return device_raster.rasterise(self.screen, self.surfaces.faces, self.character, SIDE)

    def numba_hits(self) -> list[raster.Hits]:
        faces = [self.meshes[n].surface.faces for n in self.owners]
        return [raster.rasterise(screen, own, SIDE) for screen, own in zip(self.screens, faces, strict=True)]


def sphere(rows: int = 40, columns: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A unit sphere: vertices (V, 3), faces (F, 3)."""
    theta, phi = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
    points = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], -1).reshape(-1, 3)
    i = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = i[:-1, :-1].ravel(), i[:-1, 1:].ravel(), i[1:, :-1].ravel(), i[1:, 1:].ravel()
    return points.astype(np.float32), np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]).astype(np.int32)
