"""Shadows that the key light casts: of nose, chin, hair and hat on what lies behind them.

A small depth map seen from the light; every vertex asks it whether something stands before it (Williams 1978, with the
averaged comparisons of Reeves et al. 1987).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from training.render.arrays import Array, Ints
from training.render.raster import raster

SIDE = 160  # of the depth map, samples
REACH = 24.0  # cm around the head's middle that the map shows
BIAS = 0.7  # cm: what is nearer than this to the shadowing surface is that surface itself


@njit(nogil=True, cache=True, error_model="numpy")
def _occlusion(points, depth, bias, out):  # type: ignore[no-untyped-def]
    side = depth.shape[0]
    for i in range(points.shape[0]):
        x, y = int(points[i, 0]), int(points[i, 1])
        if x < 2 or y < 2 or x >= side - 2 or y >= side - 2:
            continue
        count = 0
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                if depth[y + dy, x + dx] > points[i, 2] + bias:
                    count += 1
        out[i] = count / 25.0


def occlusion(vertices: Array, faces: Ints, normals: Array, towards: Array, centre: Array) -> Array:
    """How much of the light each vertex lacks (V,) 0..1 because other surface is in the way.

    vertices (V, 3) cm, faces (F, 3) that cast shadows, normals (V, 3), towards (3,) the light, centre (3,) of the head.
    What faces away from the light, and is dark without a shadow, gets none.
    """
    side = np.cross(np.array([0.0, 1.0, 0.001]), towards)
    side /= np.linalg.norm(side)
    basis = np.stack([side, np.cross(towards, side), towards]).astype(np.float32)
    points = ((vertices - centre) @ basis.T).astype(np.float32)
    points[:, :2] = (points[:, :2] / REACH + 1) * (SIDE / 2)
    points[:, 2] += 500  # the rasteriser wants positive values that grow towards the eye
    hits = raster.fill(points, faces, SIDE)
    out = np.zeros(len(points), np.float32)
    _occlusion(points, hits.inverse_depth, BIAS, out)
    return out * np.clip(2.5 * (normals @ towards.astype(np.float32)), 0, 1)
