"""A z-buffer for triangle meshes on the CPU: nearest triangle, weights and depth of each sample, vertex normals.

Screen points are (x, y, inverse depth): x and y in samples of the supersampled picture (sample i has its centre at
i + 0.5), inverse depth in 1/cm, larger = nearer. All functions run in one thread and release the GIL.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from training.render.arrays import Array, Ints


@dataclass(frozen=True)
class Hits:
    """What each (supersampled) pixel sees."""

    triangle: Ints  # (H, W) index into faces, -1 = background
    weights: Array  # (H, W, 2) perspective-correct weights of corners 0 and 1; corner 2 has the rest
    inverse_depth: Array  # (H, W) 1/cm, 0 = background


@njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _fill(points, faces, closed, triangle, weights, inverse_depth):  # type: ignore[no-untyped-def]
    height, width = triangle.shape
    for t in range(faces.shape[0]):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        ax, ay, aw = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bw = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, cw = points[c, 0], points[c, 1], points[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # Seen from outside, the corners of a face run against the clock; y points down here.
        if area == 0.0 or (area > 0.0 and t < closed):
            continue
        if aw <= 0 or bw <= 0 or cw <= 0:
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        right = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        if left > right or top > bottom:
            continue
        inv = 1.0 / area
        step_u, step_v = (by - cy) * inv, (cy - ay) * inv
        step_depth = step_u * (aw - cw) + step_v * (bw - cw)
        px = left + 0.5
        for y in range(top, bottom + 1):
            py = y + 0.5
            u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inv
            v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inv
            depth = u * (aw - cw) + v * (bw - cw) + cw
            inside = False
            for x in range(left, right + 1):
                if u >= 0 and v >= 0 and u + v <= 1.0:
                    inside = True
                    if depth > inverse_depth[y, x]:
                        near = 1.0 / depth
                        inverse_depth[y, x] = depth
                        triangle[y, x] = t
                        weights[y, x, 0] = u * aw * near
                        weights[y, x, 1] = v * bw * near
                elif inside:
                    break
                u += step_u
                v += step_v
                depth += step_depth


def fill(points: Array, faces: Ints, size: int, closed: int = 0) -> Hits:
    """Rasterise a mesh.

    points (V, 3) screen points, faces (F, 3), size = side of the square (supersampled) picture in pixels. Triangles
    are two-sided but for the first `closed` ones, whose backs nobody can see; one with a corner behind the camera
    (inverse depth ≤ 0) is left out.
    """
    hits = Hits(
        np.full((size, size), -1, np.int32),
        np.zeros((size, size, 2), np.float32),
        np.zeros((size, size), np.float32),
    )
    _fill(np.ascontiguousarray(points, np.float32), faces, closed, hits.triangle, hits.weights, hits.inverse_depth)
    return hits


@njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _normals(vertices, faces, out):  # type: ignore[no-untyped-def]
    for t in range(faces.shape[0]):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-12
        out[v, 0] /= length
        out[v, 1] /= length
        out[v, 2] /= length


def normals(vertices: Array, faces: Ints) -> Array:
    """Unit vertex normals (V, 3), area-weighted over the triangles of each vertex."""
    out = np.zeros_like(vertices, dtype=np.float32)
    _normals(np.ascontiguousarray(vertices, np.float32), faces, out)
    return out
