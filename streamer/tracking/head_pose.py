"""Head pose of one face from its landmarks, and rotations as vectors (numpy).

The torch version for batches is `head_pose` in models/geometry/topology.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.geometry.topology import RIGID, topology

Array = NDArray[np.float32]
_RIGID = np.array(RIGID)

CANONICAL: Array = topology().canonical.numpy().astype(np.float32)
"""(478, 3) the canonical face: outer eye corners 1 apart, facing the camera."""


@dataclass(frozen=True, slots=True)
class HeadTransform:
    """Similarity from one face's coordinates to another's: p = scale · rotation · q + shift.

    rotation (3, 3), shift (3,). Its twin for batches is `HeadTransform` in models/geometry/topology.py.
    """

    scale: float
    rotation: Array
    shift: Array

    def apply(self, points: Array) -> Array:
        """Transform points (N, 3), usually from canonical to camera units."""
        return (self.scale * points @ self.rotation.T + self.shift).astype(np.float32)

    def inverse(self, points: Array) -> Array:
        """Transform points (N, 3) back: the inverse of `apply`."""
        return ((points - self.shift) @ self.rotation / self.scale).astype(np.float32)

    def towards(self, other: HeadTransform, fraction: float) -> HeadTransform:
        """Interpolate to another pose, `fraction` 0..1 of the way: the rotation along its shortest arc, the scale
        geometrically, the shift linearly.
        """
        turn = rotation_vector(other.rotation @ self.rotation.T)
        return HeadTransform(
            self.scale * (other.scale / self.scale) ** fraction,
            (rotation_matrix(turn * fraction) @ self.rotation).astype(np.float32),
            self.shift + fraction * (other.shift - self.shift),
        )


def head_pose(face: Array, reference: Array = CANONICAL) -> HeadTransform:
    """The similarity that carries the reference (478, 3) onto a face (478, 3), fitted to the bony landmarks `RIGID`.

    Least squares after Umeyama (PAMI 1991). A degenerate face gives no rotation and a tiny scale, never NaN.
    `models.geometry.topology.head_pose` is the torch version for batches; tests/models/geometry/test_twins.py holds the
    two together.
    """
    source, target = reference[_RIGID].astype(np.float64), face[_RIGID].astype(np.float64)
    source_mean, target_mean = source.mean(0), target.mean(0)
    source, target = source - source_mean, target - target_mean
    u, _, vt = np.linalg.svd(target.T @ source)
    rotation = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    scale = max(float((target * (source @ rotation.T)).sum() / (source**2).sum()), 1e-6)
    shift = target_mean - scale * rotation @ source_mean
    return HeadTransform(scale, rotation.astype(np.float32), shift.astype(np.float32))


def rotation_matrix(vector: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rodrigues' formula: rotation vector (3,), axis times angle in radians → (3, 3)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector / max(angle, 1e-12)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def rotation_vector(rotation: NDArray[np.floating]) -> NDArray[np.float64]:
    """The inverse of `rotation_matrix` for angles below π: (3, 3) → (3,)."""
    axis = np.array(
        [rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]], np.float64
    )
    sine, cosine = float(np.linalg.norm(axis)) / 2, (float(np.trace(rotation)) - 1) / 2
    return axis / max(2 * sine, 1e-12) * np.arctan2(sine, cosine)
