"""Shadows that the key light casts: of nose, chin, hair and hat on what lies behind them.

Shadow mapping: a small depth map is drawn from the light, and each vertex compares its depth with the map (Williams
1978), averaged over 5×5 samples (percentage-closer filtering, Reeves et al. 1987).
"""

from __future__ import annotations

import numpy as np

from kernels.compile import compile_cached
from training.render.arrays import Array, Ints
from training.render.raster import raster

MAP_SIDE = 160  # samples along each side of the depth map
MAP_RADIUS = 24.0  # cm around the centre of the head that the map covers
DEPTH_BIAS = 0.7  # cm: surfaces nearer than this to the caster are not shadowed, against self-shadowing


@compile_cached(error_model="numpy")
def _occlusion(points, depth, bias, out):  # type: ignore[no-untyped-def]
    side = depth.shape[0]
    for i in range(points.shape[0]):
        x, y = int(points[i, 0]), int(points[i, 1])
        if x < 2 or y < 2 or x >= side - 2 or y >= side - 2:
            continue
        occluded = 0
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                if depth[y + dy, x + dx] > points[i, 2] + bias:
                    occluded += 1
        out[i] = occluded / 25.0


def occlusion(vertices: Array, faces: Ints, normal: Array, towards: Array, centre: Array) -> Array:
    """Share of the light (V,) 0..1 that other surfaces keep from each vertex.

    vertices (V, 3): cm. faces (F, 3): triangles that cast shadows. normal (V, 3). towards (3,): unit direction to the
    light. centre (3,): of the head. Vertices that face away from the light, and are unlit anyway, get 0.
    """
    side = np.cross(np.array([0.0, 1.0, 0.001]), towards)
    side /= np.linalg.norm(side)
    basis = np.stack([side, np.cross(towards, side), towards]).astype(np.float32)
    points = ((vertices - centre) @ basis.T).astype(np.float32)
    points[:, :2] = (points[:, :2] / MAP_RADIUS + 1) * (MAP_SIDE / 2)
    points[:, 2] += 500  # the rasteriser expects positive values that grow towards the viewer
    hits = raster.rasterise(points, faces, MAP_SIDE)
    out = np.zeros(len(points), np.float32)
    _occlusion(points, hits.inverse_depth, DEPTH_BIAS, out)
    return out * np.clip(2.5 * (normal @ towards.astype(np.float32)), 0, 1)
