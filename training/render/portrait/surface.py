"""The surface of a bust as a camera sees it: what each sample of a supersampled picture shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.arrays import Array, Ints
from training.render.portrait.bust import Bust
from training.render.raster import raster
from training.render.scene.scene import Camera


@dataclass(frozen=True)
class SurfaceSamples:
    """The N samples of a picture that show the mesh.

    covered: (H, W), whether a sample is one of them. inverse_depth: (H, W) 1/cm. faces: (N, 3) vertices at the corners
    of the triangle that each shows. weights: (N, 3) of these corners. kind: (N,) of surface. normal, position, base:
    (N, 3) as in `Bust`.
    """

    covered: NDArray[np.bool_]
    inverse_depth: Array
    faces: Ints
    weights: Array
    kind: Ints
    normal: Array
    position: Array
    base: Array

    def at(self, values: Array) -> Array:
        """Values of vertices (V,) or (V, C), interpolated at the samples."""
        return _interpolated(values, self.faces, self.weights)


def _interpolated(values: Array, faces: Ints, weights: Array) -> Array:
    return (values[faces] * weights.reshape(len(faces), 3, *[1] * (values.ndim - 1))).sum(1).astype(np.float32)


def sample_surface(bust: Bust, camera: Camera, side: int) -> SurfaceSamples:
    """What a camera sees in a square picture of `side` samples."""
    hits = raster.rasterise(camera.screen(bust.vertices, side), bust.faces, side)
    covered = hits.triangle >= 0
    faces = bust.faces[hits.triangle[covered]]
    weights = hits.weights[covered]
    weights = np.concatenate([weights, 1 - weights.sum(1, keepdims=True)], 1)
    normal, position, base = (_interpolated(v, faces, weights) for v in (bust.normals, bust.vertices, bust.base))
    return SurfaceSamples(covered, hits.inverse_depth, faces, weights, bust.kind[faces[:, 0]], normal, position, base)
