"""A z-buffer for triangle meshes on the CPU: nearest triangle, weights and depth of each sample, vertex normals.

Screen points are (x, y, inverse depth): x and y in samples of the supersampled picture (sample i has its centre at
i + 0.5), inverse depth in 1/cm, larger = nearer. All functions run in one thread and release the GIL.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.compile import compile_cached
from training.render.arrays import Array, Ints


@dataclass(frozen=True)
class Hits:
    """The nearest triangle at each sample of a supersampled picture."""

    triangle: Ints  # (H, W) index into faces, -1 = background
    weights: Array  # (H, W, 2) perspective-correct barycentric weights of corners 0 and 1; the three sum to 1
    inverse_depth: Array  # (H, W) 1/cm, 0 = background


@compile_cached(fastmath=True, error_model="numpy")
def _rasterise(points, faces, one_sided, triangle, weights, inverse_depth):  # type: ignore[no-untyped-def]
    height, width = triangle.shape
    for face in range(faces.shape[0]):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay, a_inv = points[a, 0], points[a, 1], points[a, 2]
        bx, by, b_inv = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, c_inv = points[c, 0], points[c, 1], points[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # From outside, the corners of a face run counter-clockwise, which is a negative area where y points down.
        if area == 0.0 or (area > 0.0 and face < one_sided):
            continue
        if a_inv <= 0 or b_inv <= 0 or c_inv <= 0:
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        right = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        if left > right or top > bottom:
            continue
        inverse_area = 1.0 / area
        step_u, step_v = (by - cy) * inverse_area, (cy - ay) * inverse_area
        step_depth = step_u * (a_inv - c_inv) + step_v * (b_inv - c_inv)
        px = left + 0.5
        for y in range(top, bottom + 1):
            py = y + 0.5
            u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse_area
            v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse_area
            depth = u * (a_inv - c_inv) + v * (b_inv - c_inv) + c_inv
            inside = False
            for x in range(left, right + 1):
                if u >= 0 and v >= 0 and u + v <= 1.0:
                    inside = True
                    if depth > inverse_depth[y, x]:
                        z = 1.0 / depth
                        inverse_depth[y, x] = depth
                        triangle[y, x] = face
                        weights[y, x, 0] = u * a_inv * z
                        weights[y, x, 1] = v * b_inv * z
                elif inside:
                    break
                u += step_u
                v += step_v
                depth += step_depth


def rasterise(points: Array, faces: Ints, size: int, one_sided: int = 0) -> Hits:
    """Rasterise a mesh.

    points (V, 3): screen points. faces (F, 3). size: side of the square picture, samples. one_sided: number of leading
    triangles whose back faces are culled; the others are two-sided. A triangle with a corner behind the camera
    (inverse depth ≤ 0) is skipped.
    """
    hits = Hits(
        np.full((size, size), -1, np.int32),
        np.zeros((size, size, 2), np.float32),
        np.zeros((size, size), np.float32),
    )
    _rasterise(
        np.ascontiguousarray(points, np.float32), faces, one_sided, hits.triangle, hits.weights, hits.inverse_depth
    )
    return hits


@compile_cached(fastmath=True, error_model="numpy")
def _normals(vertices, faces, out):  # type: ignore[no-untyped-def]
    for face in range(faces.shape[0]):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
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
