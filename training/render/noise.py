"""Random functions of space, from which all textures are made, so that they move with the surface."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from training.render.raster import Array

Rng = np.random.Generator


@njit(nogil=True, cache=True, inline="always")
def _hash(x, y, z, seed):  # type: ignore[no-untyped-def]
    h = (x * 374761393 + y * 668265263 + z * 2147483647 + seed * 1274126177) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    h = ((h ^ (h >> 16)) * 2246822519) & 0xFFFFFFFF
    return (h ^ (h >> 15)) & 0xFFFFFFFF


@njit(nogil=True, cache=True)
def _value_noise(points, octaves, gain, seed, out):  # type: ignore[no-untyped-def]
    for i in range(points.shape[0]):
        total, amplitude, norm, scale = 0.0, 1.0, 0.0, 1.0
        for o in range(octaves):
            x, y, z = points[i, 0] * scale, points[i, 1] * scale, points[i, 2] * scale
            ix, iy, iz = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
            fx, fy, fz = x - ix, y - iy, z - iz
            fx, fy, fz = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy), fz * fz * (3 - 2 * fz)
            value = 0.0
            for corner in range(8):
                cx, cy, cz = corner & 1, (corner >> 1) & 1, corner >> 2
                weight = (fx if cx else 1 - fx) * (fy if cy else 1 - fy) * (fz if cz else 1 - fz)
                value += weight * (_hash(ix + cx, iy + cy, iz + cz, seed + o) / 4294967295.0)
            total += amplitude * (value * 2 - 1)
            norm += amplitude
            amplitude *= gain
            scale *= 2.03
        out[i] = total / norm


def value_noise(points: Array, seed: int, octaves: int = 4, gain: float = 0.5) -> Array:
    """Smooth noise (N,) in -1..1 at points (N, 3), whose unit is the largest grain; `gain` < 1 is soft, ~1 rough."""
    out = np.empty(len(points), np.float32)
    _value_noise(np.ascontiguousarray(points, np.float32), octaves, gain, seed & 0xFFFFF, out)
    return out


@njit(nogil=True, cache=True)
def _cells(points, seed, out, edge):  # type: ignore[no-untyped-def]
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        ix, iy, iz = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        best, second, cell = 1e9, 1e9, 0
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                for dz in range(-1, 2):
                    h = _hash(ix + dx, iy + dy, iz + dz, seed)
                    px = ix + dx + (h & 1023) / 1023.0
                    py = iy + dy + ((h >> 10) & 1023) / 1023.0
                    pz = iz + dz + ((h >> 20) & 1023) / 1023.0
                    d = (px - x) ** 2 + (py - y) ** 2 + (pz - z) ** 2
                    if d < best:
                        second = best
                        best = d
                        cell = h
                    elif d < second:
                        second = d
        out[i] = cell % 65521
        edge[i] = np.sqrt(second) - np.sqrt(best)


def cells(points: Array, seed: int) -> tuple[NDArray[np.int64], Array]:
    """Voronoi cells of a jittered unit grid: cell number (N,) and distance-like value to the cell's border (N,)."""
    out = np.empty(len(points), np.int64)
    edge = np.empty(len(points), np.float32)
    _cells(np.ascontiguousarray(points, np.float32), seed & 0xFFFFF, out, edge)
    return out, edge


def palette(rng: Rng, count: int) -> Array:
    """Colours (count, 3) 0..255 that differ strongly, share a hue, or are as dull as most of the world, by chance."""
    mode = rng.random()
    if mode < 0.25:
        return rng.uniform(0, 255, (count, 3)).astype(np.float32)
    if mode < 0.65:
        grey = rng.uniform(15, 245, (count, 1))
        tint = rng.normal(0, rng.uniform(3, 22), 3) + rng.normal(0, 8, (count, 3))
        return np.clip(grey + tint, 0, 255).astype(np.float32)
    hue = (rng.uniform(0, 180) + rng.normal(0, rng.choice([8.0, 40.0]), count)) % 180
    hsv = np.stack([hue, rng.uniform(20, 255, count), rng.uniform(40, 255, count)], 1)
    return cv2.cvtColor(hsv[None].astype(np.uint8), cv2.COLOR_HSV2RGB)[0].astype(np.float32)


def pattern(rng: Rng, points: Array, kind: str | None = None) -> Array:
    """A random pattern (N, 3) 0..255 over points (N, 3) in cm.

    kind: noise, grain, marble, leaves, mosaic, stripes, checks, gradient; None = by chance.
    """
    kinds = ["noise", "grain", "marble", "leaves", "mosaic", "stripes", "checks", "gradient"]
    kind = kind or str(rng.choice(kinds))
    seed = int(rng.integers(1 << 20))
    size = float(np.exp(rng.uniform(np.log(0.6), np.log(7.0))))
    place = (points / size).astype(np.float32)
    if kind in ("leaves", "mosaic"):
        out = np.zeros_like(place)
        left = np.ones(len(place), bool)
        # Dead leaves: larger layers with holes lie over finer ones, so that all sizes of cell are seen.
        for layer, scale in enumerate((1.0, 2.1, 4.3) if kind == "leaves" else (1.0,)):
            number, edge = cells(place * scale, seed + layer)
            colour = palette(rng, 64)[number % 64]
            if kind == "mosaic":
                colour = np.where(edge[:, None] < 0.07, colour * rng.uniform(0, 0.6), colour)
            keep = left & ((number % 7 < 4) | (scale > 4) | (kind == "mosaic"))
            out[keep] = colour[keep]
            left &= ~keep
        return out
    colours = palette(rng, 5)
    if kind == "grain":
        channels = [value_noise(place * 4, seed + i, 4, 0.95) for i in range(3)]
        return np.clip(colours[0] + rng.uniform(40, 200) * np.stack(channels, 1), 0, 255)
    if kind == "noise":
        value = value_noise(place, seed, 5, rng.uniform(0.4, 0.8)) * 1.6
    elif kind == "marble":
        value = np.sin(3 * place[:, 1] + 5 * value_noise(place * 0.7, seed, 4))
    elif kind == "gradient":
        value = place @ rng.normal(0, 0.25, 3).astype(np.float32)
    elif kind == "stripes":
        direction = rng.normal(0, 1, 3)
        direction /= np.linalg.norm(direction)
        wave = place @ direction.astype(np.float32) + rng.choice([0.0, 0.4]) * value_noise(place, seed, 2)
        value = np.sign(np.sin(6.28 * wave)) * 0.6
    else:
        value = np.where(np.floor(place * 1.5).sum(1) % 2 > 0, 0.7, -0.7)
    stops = np.linspace(-1, 1, len(colours))
    return np.stack([np.interp(value, stops, colours[:, c]) for c in range(3)], 1).astype(np.float32)
