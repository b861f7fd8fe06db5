"""Light inside hair: the density of the strands in a grid, and how much light passes through it from each direction."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from kernels.compile import compile_cached
from training.render.arrays import Array
from training.render.portrait.groom import Strands
from training.render.portrait.shading_maps import sphere_directions

CELL = 0.5  # cm
MARCH = 22  # cells that a ray crosses
OPACITY = 0.75  # attenuation by one cm of hair of mean density


@compile_cached(error_model="numpy")
def _march(density, direction, steps, out):  # type: ignore[no-untyped-def]
    nx, ny, nz = density.shape
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                total = 0.0
                for s in range(1, steps + 1):
                    x, y, z = i + s * direction[0], j + s * direction[1], k + s * direction[2]
                    if x < 0 or y < 0 or z < 0 or x >= nx - 1 or y >= ny - 1 or z >= nz - 1:
                        break
                    a, b, c = int(x), int(y), int(z)
                    u, v, w = x - a, y - b, z - c
                    low = (density[a, b, c] * (1 - u) + density[a + 1, b, c] * u) * (1 - v)
                    low += (density[a, b + 1, c] * (1 - u) + density[a + 1, b + 1, c] * u) * v
                    high = (density[a, b, c + 1] * (1 - u) + density[a + 1, b, c + 1] * u) * (1 - v)
                    high += (density[a, b + 1, c + 1] * (1 - u) + density[a + 1, b + 1, c + 1] * u) * v
                    total += low * (1 - w) + high * w
                out[i, j, k] = total


class HairVolume:
    """Density of hair in a grid of cells around the head."""

    def __init__(self, strands: Strands) -> None:
        points = strands.points.reshape(-1, 3)
        length = np.linalg.norm(np.diff(strands.points, axis=1, append=strands.points[:, -1:]), axis=2)
        self.low = points.min(0) - 4 * CELL
        shape = np.ceil((points.max(0) + 4 * CELL - self.low) / CELL).astype(int)
        cell = ((points - self.low) / CELL).astype(int)
        density = np.zeros(shape, np.float32)
        np.add.at(density, tuple(cell.T), (length * strands.radius).ravel())
        density = gaussian_filter(density, 0.8)
        self.density = density / np.percentile(density[density > 1e-4], 80)
        self.density = np.minimum(self.density, 1.6)
        grid = gaussian_filter(self.density, 1.6)
        self._passed: dict[tuple[float, ...], Array] = {}
        self.slope = -np.stack(np.gradient(grid), -1)

    def _cells(self, points: Array) -> Array:
        return ((points - self.low) / CELL - 0.5).T

    def _sample(self, grid: Array, points: Array, outside: float) -> Array:
        return map_coordinates(grid, self._cells(points), order=1, mode="constant", cval=outside).astype(np.float32)

    def through(self, direction: Array, spread: float = 1.0) -> Array:
        """Share of light from a unit direction (3,) that reaches each cell; spread: strength of the attenuation."""
        key = (*(float(v) for v in direction), spread)
        if key not in self._passed:
            depth = np.zeros_like(self.density)
            _march(self.density, direction.astype(np.float32), MARCH, depth)
            self._passed[key] = np.exp(-OPACITY * spread * CELL * depth).astype(np.float32)
        return self._passed[key]

    def light(self, points: Array, direction: Array, spread: float = 1.0) -> Array:
        """Share (N,) of light from a unit direction (3,) that reaches points (N, 3)."""
        return self._sample(self.through(direction, spread), points, 1.0)

    def ambient(self, points: Array, count: int = 12) -> Array:
        """Share (N,) of the light of the whole sky that reaches points (N, 3)."""
        total = np.mean([self.through(d) for d in sphere_directions(count)], axis=0)
        return self._sample(total, points, 1.0)

    def normal(self, points: Array) -> Array:
        """Unit directions (N, 3) out of the hair at points (N, 3)."""
        out = np.stack([self._sample(self.slope[..., i], points, 0.0) for i in range(3)], 1)
        return out / (np.linalg.norm(out, axis=1, keepdims=True) + 1e-6)
