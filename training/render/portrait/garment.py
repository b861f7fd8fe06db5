"""Clothes of a portrait: a pullover lofted from the neck over the shoulders, and the collar around the neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from training.render.arrays import Array, Ints
from training.render.character.noise import value_noise
from training.render.character.parts import grid_faces

FACE, MOUTH, SOCKET, EYE, CLOTH, COLLAR = range(6)  # kinds of surface
ROWS, COLUMNS = 90, 192
# Profiles of the shoulders, cm: distance from the neck's axis and height, from the collar outwards.
SIDE = np.array([[5.6, -11.6], [7.2, -12.7], [9.5, -13.9], [13.0, -15.3], [16.4, -16.9], [18.7, -19.2], [19.9, -22.6],
                 [20.5, -27.0], [20.8, -32.0], [21.0, -38.0]])  # fmt: skip
FRONT = np.array([[5.2, -14.2], [5.6, -15.4], [6.2, -16.9], [7.2, -18.9], [8.4, -21.2], [9.6, -24.0], [10.6, -27.0],
                  [11.3, -30.0], [11.6, -34.0], [11.6, -38.0]])  # fmt: skip
BACK = np.array([[5.6, -11.4], [6.5, -12.4], [7.8, -14.4], [9.0, -17.0], [9.8, -20.0], [10.2, -23.0], [10.4, -26.0],
                 [10.5, -30.0], [10.5, -34.0], [10.5, -38.0]])  # fmt: skip
AXIS_Z = -1.8  # cm, of the neck's axis


@dataclass(frozen=True)
class Garment:
    """A pullover: what the clothes of a portrait look like.

    width: of the shoulders against the mean. collar: height of the collar above the neckline, cm. collar_gap: between
    collar and neck, cm. folds: depth of the folds, cm.
    """

    width: float = 0.92
    collar: float = 1.3
    collar_gap: float = 0.35
    folds: float = 0.25


@dataclass(frozen=True)
class Piece:
    """A mesh (V, 3), its triangles (F, 3), the coordinates of its pattern (V, 3), cm, and its kind of surface."""

    points: Array
    faces: Ints
    pattern: Array
    kind: int


def _profile(knots: Array, rows: int) -> Array:
    """Smooth curve (rows, 2) through profile points (K, 2)."""
    along = np.linspace(0, len(knots) - 1, rows)
    return np.stack([PchipInterpolator(np.arange(len(knots)), knots[:, i])(along) for i in (0, 1)], 1)


def _neck_radius(neck: Array, angle: Array, height: float) -> Array:
    """Radius (A,) of the neck, vertices (N, 3), around its axis at angles (A,) from the front, near a height, cm."""
    near = neck[np.abs(neck[:, 1] + 0.3 * (neck[:, 2] + 2) - height) < 1.0]
    own = np.arctan2(near[:, 0], near[:, 2] - AXIS_Z)
    radius = np.hypot(near[:, 0], near[:, 2] - AXIS_Z)
    gap = np.abs((angle[:, None] - own[None] + np.pi) % (2 * np.pi) - np.pi)
    # Towards the shoulders the neck has several radii; the smallest is its own.
    weight = np.exp(-((gap / 0.12) ** 2) - 1.5 * radius) + 1e-12
    return np.asarray((weight * radius).sum(1) / weight.sum(1), np.float32)


def build_garment(garment: Garment, neck: Array) -> list[Piece]:
    """Pullover and collar around a neck (N, 3), cm."""
    angle = np.linspace(0, 2 * np.pi, COLUMNS)
    sine, cosine = np.sin(angle), np.cos(angle)
    side, front, back = (_profile(k, ROWS) for k in (SIDE, FRONT, BACK))
    along = np.linspace(0, 1, ROWS)[:, None]
    widen = 1 + (garment.width - 1) * np.clip(along * 3, 0, 1)
    power = 1 - 0.32 * np.clip(along * 1.6, 0, 1)
    across = np.sign(sine) * np.abs(sine) ** power
    forward = np.sign(cosine) * np.abs(cosine) ** power
    depth = np.where(cosine > 0, front[:, :1], back[:, :1])
    height = np.where(cosine > 0, front[:, 1:], back[:, 1:])
    share = sine**2
    x = side[:, :1] * widen * across
    y = side[:, 1:] * share + height * (1 - share)
    z = AXIS_Z + depth * forward
    points = np.stack(np.broadcast_arrays(x, y, z), -1).reshape(-1, 3).astype(np.float32)
    mirrored = points * np.array([0, 1, 1], np.float32) + np.abs(points) * np.array([1, 0, 0], np.float32)
    fold = value_noise(mirrored * np.array([0.11, 0.16, 0.2], np.float32) + 7, 11, 3, 0.45)
    crease = value_noise(mirrored * np.array([0.35, 0.1, 0.3], np.float32) + 3, 12, 2)
    below_collar = np.clip(np.repeat(along, COLUMNS, 1).ravel() * 3, 0, 1)
    depth_of_fold = garment.folds * (0.8 * fold + 0.5 * crease) * below_collar
    points[:, 2] += 1.6 * depth_of_fold
    points[:, 1] += 0.5 * depth_of_fold
    distance = np.cumsum(np.r_[0, np.linalg.norm(np.diff(side, axis=0), axis=1)])
    pattern = np.stack(np.broadcast_arrays(angle[None] * 9.0, distance[:, None], 0 * x), -1).reshape(-1, 3)
    pieces = [Piece(points, grid_faces(ROWS, COLUMNS), pattern.astype(np.float32), CLOTH)]
    # The collar is a tube around the neck, tilted down in front; its section is a rounded rectangle.
    turn = np.linspace(0, 2 * np.pi, 33)[:, None]
    thick = 0.42
    radius = _neck_radius(neck, angle, -9.6) + garment.collar_gap + thick
    low, high = -12.9, -12.9 + garment.collar
    section = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.6
    tall = (high + low) / 2 + (high - low) / 2 * section - 1.75 * cosine - 0.2 * cosine**2 + 0.35 * sine**2
    lean = 1 + 0.05 * (low - tall) / 3
    ring = (
        radius + thick * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.8 + 0.35 * np.maximum(-section, 0)
    ) * lean
    tube = np.stack([ring * sine, tall + 0 * ring, AXIS_Z + ring * cosine], -1).reshape(-1, 3).astype(np.float32)
    ribs = np.stack(np.broadcast_arrays(angle[None] * 9.0, tall, 0 * ring), -1).reshape(-1, 3).astype(np.float32)
    return [*pieces, Piece(tube, grid_faces(33, COLUMNS)[:, ::-1].copy(), ribs, COLLAR)]
