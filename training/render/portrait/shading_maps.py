"""Soft shadows and ambient occlusion of a mesh: the share of many directions in which each vertex sees the light."""

from __future__ import annotations

import numpy as np

from kernels.compile import compile_cached
from training.render.arrays import Array, Ints
from training.render.raster import raster

MAP_SIDE = 640  # samples along each side of a depth map
MAP_RADIUS = 30.0  # cm around `MAP_CENTRE` that a depth map covers
MAP_CENTRE = np.array([0, -6, 0], np.float32)  # cm, between head and chest
DEPTH_BIAS = 0.12  # cm: surfaces nearer than this to the caster are not shadowed, against self-shadowing


@compile_cached(error_model="numpy")
def _lit(points, depth, bias, out):  # type: ignore[no-untyped-def]
    side = depth.shape[0]
    for i in range(points.shape[0]):
        x, y = int(points[i, 0]), int(points[i, 1])
        if x < 1 or y < 1 or x >= side - 1 or y >= side - 1:
            out[i] = 1
            continue
        free = 0
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                if depth[y + dy, x + dx] <= points[i, 2] + bias:
                    free += 1
        out[i] = free / 9.0


def cone(towards: Array, radius: float, count: int) -> Array:
    """Unit directions (count, 3) spread evenly over a disc of `radius` (tangent of its angle) around a direction."""
    forward = towards / np.linalg.norm(towards)
    side: Array = np.cross(np.array([0.1, 1, 0.05], np.float32), forward)
    side /= np.linalg.norm(side)
    up = np.cross(forward, side)
    n = np.arange(count) + 0.5
    distance, angle = radius * np.sqrt(n / count), n * np.pi * (3 - np.sqrt(5))
    out = forward + distance[:, None] * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * up)
    return (out / np.linalg.norm(out, axis=1, keepdims=True)).astype(np.float32)


def sphere_directions(count: int) -> Array:
    """Unit directions (count, 3) spread evenly over the sphere (Fibonacci lattice)."""
    n = np.arange(count) + 0.5
    y, angle = 1 - 2 * n / count, n * np.pi * (3 - np.sqrt(5))
    ring = np.sqrt(1 - y * y)
    return np.stack([ring * np.cos(angle), y, ring * np.sin(angle)], 1).astype(np.float32)


def lit(vertices: Array, normals: Array, faces: Ints, direction: Array) -> Array:
    """Share 0..1 of parallel light from a unit direction (3,) that reaches each vertex: (V,)."""
    side: Array = np.cross(np.array([0.02, 1, 0.03], np.float32), direction)
    side /= np.linalg.norm(side)
    basis = np.stack([side, np.cross(direction, side), direction]).astype(np.float32)
    points = ((vertices + 0.05 * normals - MAP_CENTRE) @ basis.T).astype(np.float32)
    points[:, :2] = (points[:, :2] / MAP_RADIUS + 1) * (MAP_SIDE / 2)
    points[:, 2] += 500  # the rasteriser expects positive values that grow towards the viewer
    hits = raster.rasterise(points, faces, MAP_SIDE)
    out = np.empty(len(points), np.float32)
    _lit(points, hits.inverse_depth, np.float32(DEPTH_BIAS), out)
    return out


def soft_light(vertices: Array, normals: Array, faces: Ints, directions: Array) -> Array:
    """Mean over directions (N, 3) of the light that reaches each vertex: (V,) 0..1, an area light's soft shadow."""
    return np.mean([lit(vertices, normals, faces, d) for d in directions], axis=0).astype(np.float32)


def ambient_occlusion(vertices: Array, normals: Array, faces: Ints, count: int) -> Array:
    """Cosine-weighted share of the sky that each vertex sees, in `count` directions: (V,) 0..1."""
    total, seen = np.zeros(len(vertices), np.float32), np.zeros(len(vertices), np.float32)
    for direction in sphere_directions(count):
        cosine = np.maximum(normals @ direction, 0)
        total += cosine
        seen += cosine * lit(vertices, normals, faces, direction)
    return seen / np.maximum(total, 1e-6)
