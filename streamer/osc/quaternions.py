"""Rotations as quaternions x, y, z, w of length 1, as VMC has them. Vectors are (3,), quaternions (4,), float64."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]
Quaternion = NDArray[np.float64]

IDENTITY: Quaternion = np.array([0.0, 0.0, 0.0, 1.0])
_PARALLEL = 1 - 1e-9


def from_matrix(matrix: NDArray[np.floating]) -> Quaternion:
    """Of a rotation (3, 3), by the largest of the four, which divides the others (Shepperd 1978)."""
    m = matrix.astype(np.float64)
    squares = np.array([
        1 + m[0, 0] - m[1, 1] - m[2, 2], 1 - m[0, 0] + m[1, 1] - m[2, 2],
        1 - m[0, 0] - m[1, 1] + m[2, 2], 1 + m[0, 0] + m[1, 1] + m[2, 2],
    ])  # fmt: skip
    row = np.array([
        [squares[0], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[2, 1] - m[1, 2]],
        [m[0, 1] + m[1, 0], squares[1], m[1, 2] + m[2, 1], m[0, 2] - m[2, 0]],
        [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], squares[2], m[1, 0] - m[0, 1]],
        [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], squares[3]],
    ])[int(squares.argmax())]  # fmt: skip
    return row / np.linalg.norm(row)


def product(*rotations: Quaternion) -> Quaternion:
    """The last of them first, as with matrices."""
    total = rotations[0]
    for each in rotations[1:]:
        (ax, ay, az, aw), (bx, by, bz, bw) = total, each
        total = np.array([
            aw * bx + ax * bw + ay * bz - az * by, aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw, aw * bw - ax * bx - ay * by - az * bz,
        ])  # fmt: skip
    return total


def inverse(rotation: Quaternion) -> Quaternion:
    """Back again."""
    return rotation * np.array([-1.0, -1.0, -1.0, 1.0])


def rotated(rotation: Quaternion, vector: ArrayLike) -> Vector:
    """A vector after a rotation."""
    axis, turned = rotation[:3], np.asarray(vector, np.float64)
    side = 2 * np.cross(axis, turned)
    return turned + rotation[3] * side + np.cross(axis, side)


def about(axis: Vector, radians: float) -> Quaternion:
    """By an angle about an axis of length 1."""
    return np.append(axis * math.sin(radians / 2), math.cos(radians / 2))


def between(start: Vector, end: Vector, aside: Vector) -> Quaternion:
    """The shortest rotation from one direction to another, both of length 1. aside: the axis for opposite ones."""
    cosine = float(start @ end)
    if cosine < -_PARALLEL:
        return about(aside, math.pi)
    rotation = np.append(np.cross(start, end), 1 + cosine)
    return rotation / np.linalg.norm(rotation)


def angle(rotation: Quaternion) -> float:
    """Radians by which it turns, 0..π."""
    return 2 * math.atan2(float(np.linalg.norm(rotation[:3])), abs(float(rotation[3])))


def slerp(start: Quaternion, end: Quaternion, share: float) -> Quaternion:
    """`share` 0..1 of the way from one rotation to another, by the shorter way, evenly."""
    cosine = float(start @ end)
    if cosine < 0:
        end, cosine = -end, -cosine
    if cosine > _PARALLEL:
        mixed = start + share * (end - start)
        return mixed / np.linalg.norm(mixed)
    whole = math.acos(cosine)
    return (math.sin((1 - share) * whole) * start + math.sin(share * whole) * end) / math.sin(whole)


def at_most(rotation: Quaternion, radians: float) -> Quaternion:
    """The same rotation, or as much of it as turns by so much."""
    turned = angle(rotation)
    return rotation if turned <= radians else slerp(IDENTITY, rotation, radians / turned)
