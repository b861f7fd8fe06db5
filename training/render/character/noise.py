"""Random functions of 3-D position (value noise, Voronoi cells), so that textures move with the surface."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kernels.compile import compile_cached
from training.render.arrays import Array

Rng = np.random.Generator

# Multipliers of the integer hash: one for each coordinate, one for the seed, one for the last round.
PRIME_X, PRIME_Y, PRIME_Z, PRIME_SEED, PRIME_MIX = (
    np.uint32(x) for x in (374761393, 668265263, 2147483647, 1274126177, 2246822519)
)
HASH_UNIT, TEN_BIT_UNIT = np.float32(1 / 4294967295.0), np.float32(1 / 1023)


@compile_cached(inline="always")
def _hash(h):  # type: ignore[no-untyped-def]
    h = np.uint32(h)  # compiled sums of 32-bit integers have 64 bits; the hash wraps around at 32
    h = np.uint32((h ^ (h >> np.uint32(13))) * PRIME_SEED)
    h = np.uint32((h ^ (h >> np.uint32(16))) * PRIME_MIX)
    return np.uint32(h ^ (h >> np.uint32(15)))


@compile_cached(fastmath=True, error_model="numpy")
def _value_noise(points, octaves, gain, seed, out):  # type: ignore[no-untyped-def]
    one, two, three = np.float32(1), np.float32(2), np.float32(3)
    growth = np.float32(2.03)
    for i in range(points.shape[0]):
        total, amplitude, norm, scale = np.float32(0), one, np.float32(0), one
        for o in range(octaves):
            x, y, z = points[i, 0] * scale, points[i, 1] * scale, points[i, 2] * scale
            gx, gy, gz = np.floor(x), np.floor(y), np.floor(z)
            fx, fy, fz = x - gx, y - gy, z - gz
            fx, fy, fz = fx * fx * (three - two * fx), fy * fy * (three - two * fy), fz * fz * (three - two * fz)
            hx = np.uint32(np.int32(gx)) * PRIME_X
            hy = np.uint32(np.int32(gy)) * PRIME_Y
            hz = np.uint32(np.int32(gz)) * PRIME_Z + np.uint32(seed + o) * PRIME_SEED
            h00, h01 = hx + hy + hz, hx + hy + hz + PRIME_Z
            a0 = np.float32(_hash(h00)) * HASH_UNIT
            a1 = np.float32(_hash(h00 + PRIME_X)) * HASH_UNIT
            b0 = np.float32(_hash(h00 + PRIME_Y)) * HASH_UNIT
            b1 = np.float32(_hash(h00 + PRIME_X + PRIME_Y)) * HASH_UNIT
            c0 = np.float32(_hash(h01)) * HASH_UNIT
            c1 = np.float32(_hash(h01 + PRIME_X)) * HASH_UNIT
            d0 = np.float32(_hash(h01 + PRIME_Y)) * HASH_UNIT
            d1 = np.float32(_hash(h01 + PRIME_X + PRIME_Y)) * HASH_UNIT
            low = a0 + (a1 - a0) * fx
            low += (b0 + (b1 - b0) * fx - low) * fy
            high = c0 + (c1 - c0) * fx
            high += (d0 + (d1 - d0) * fx - high) * fy
            total += amplitude * ((low + (high - low) * fz) * two - one)
            norm += amplitude
            amplitude *= gain
            scale *= growth
        out[i] = total / norm


def value_noise(points: Array, seed: int, octaves: int = 4, gain: float = 0.5) -> Array:
    """Fractal value noise (N,) in −1..1 at points (N, 3), in units of the largest grain.

    gain: ratio of the amplitudes of two successive octaves, small = soft, about 1 = rough.
    """
    out = np.empty(len(points), np.float32)
    _value_noise(np.ascontiguousarray(points, np.float32), octaves, np.float32(gain), seed & 0xFFFFF, out)
    return out


@compile_cached(fastmath=True, error_model="numpy")
def _voronoi_cells(points, seed, out, edge):  # type: ignore[no-untyped-def]
    for i in range(points.shape[0]):
        gx, gy, gz = np.floor(points[i, 0]), np.floor(points[i, 1]), np.floor(points[i, 2])
        x, y, z = points[i, 0] - gx, points[i, 1] - gy, points[i, 2] - gz
        ix, iy, iz = np.int32(gx), np.int32(gy), np.int32(gz)
        best, second, cell = np.float32(1e9), np.float32(1e9), np.uint32(0)
        for dx in range(-1, 2):
            hx = np.uint32(ix + dx) * PRIME_X + np.uint32(seed) * PRIME_SEED
            for dy in range(-1, 2):
                hy = hx + np.uint32(iy + dy) * PRIME_Y
                # The point of a cell lies in its unit cube: rows farther than the second nearest point are skipped.
                ex = max(np.float32(dx) - x, x - np.float32(dx) - np.float32(1), np.float32(0))
                ey = max(np.float32(dy) - y, y - np.float32(dy) - np.float32(1), np.float32(0))
                if ex * ex + ey * ey > second:
                    continue
                for dz in range(-1, 2):
                    h = _hash(hy + np.uint32(iz + dz) * PRIME_Z)
                    px = np.float32(dx) + np.float32(h & np.uint32(1023)) * TEN_BIT_UNIT - x
                    py = np.float32(dy) + np.float32((h >> np.uint32(10)) & np.uint32(1023)) * TEN_BIT_UNIT - y
                    pz = np.float32(dz) + np.float32((h >> np.uint32(20)) & np.uint32(1023)) * TEN_BIT_UNIT - z
                    d = px * px + py * py + pz * pz
                    if d < best:
                        second = best
                        best = d
                        cell = h
                    elif d < second:
                        second = d
        out[i] = cell % 65521
        edge[i] = np.sqrt(second) - np.sqrt(best)


def voronoi_cells(points: Array, seed: int) -> tuple[NDArray[np.int64], Array]:
    """Voronoi cells of a jittered unit grid at points (N, 3): hash of each cell (N,), and its border distance (N,).

    The border distance is the distance to the second nearest cell point less that to the nearest, 0 on a border.
    """
    out = np.empty(len(points), np.int64)
    edge = np.empty(len(points), np.float32)
    _voronoi_cells(np.ascontiguousarray(points, np.float32), seed & 0xFFFFF, out, edge)
    return out, edge


def palette(rng: Rng, count: int) -> Array:
    """Colours (count, 3) 0..255, randomly unrelated, of one hue, or desaturated as in most photographs."""
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

    kind: noise, grain, marble, leaves, mosaic, stripes, checks, gradient; None = any of them.
    """
    kinds = ["noise", "grain", "marble", "leaves", "mosaic", "stripes", "checks", "gradient"]
    kind = kind or str(rng.choice(kinds))
    seed = int(rng.integers(1 << 20))
    size = float(np.exp(rng.uniform(np.log(0.6), np.log(7.0))))
    position = (points / size).astype(np.float32)
    if kind in ("leaves", "mosaic"):
        out = np.zeros_like(position)
        remaining = np.arange(len(position))
        # Dead leaves model: coarse layers with holes lie over finer ones, so that cells of all sizes are visible.
        for layer, scale in enumerate((1.0, 2.1, 4.3) if kind == "leaves" else (1.0,)):
            number, edge = voronoi_cells(position[remaining] * np.float32(scale), seed + layer)
            colour = palette(rng, 64)[number % 64]
            if kind == "mosaic":
                colour = np.where(edge[:, None] < 0.07, colour * rng.uniform(0, 0.6), colour)
            kept = (number % 7 < 4) | (scale > 4) | (kind == "mosaic")
            chosen = remaining[kept]
            out[chosen] = colour[kept]
            remaining = remaining[~kept]
        return out
    colours = palette(rng, 5)
    if kind == "grain":
        channels = [value_noise(position * 4, seed + i, 4, 0.95) for i in range(3)]
        return np.clip(colours[0] + rng.uniform(40, 200) * np.stack(channels, 1), 0, 255)
    if kind == "noise":
        value = value_noise(position, seed, 5, rng.uniform(0.4, 0.8)) * 1.6
    elif kind == "marble":
        value = np.sin(3 * position[:, 1] + 5 * value_noise(position * 0.7, seed, 4))
    elif kind == "gradient":
        value = position @ rng.normal(0, 0.25, 3).astype(np.float32)
    elif kind == "stripes":
        direction = rng.normal(0, 1, 3)
        direction /= np.linalg.norm(direction)
        wave = position @ direction.astype(np.float32) + rng.choice([0.0, 0.4]) * value_noise(position, seed, 2)
        value = np.sign(np.sin(6.28 * wave)) * 0.6
    else:
        value = np.where(np.floor(position * 1.5).sum(1) % 2 > 0, 0.7, -0.7)
    stops = np.linspace(-1, 1, len(colours))
    return np.stack([np.interp(value, stops, colours[:, c]) for c in range(3)], 1).astype(np.float32)
