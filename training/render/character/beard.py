"""Beards: shells on upper lip, jaw and chin that move with the facial expression. Units: cm."""

from __future__ import annotations

import numpy as np

from training.render.arrays import Array, Ints
from training.render.character.facekit import FACE_END
from training.render.character.hair import hair_part
from training.render.character.noise import Rng, value_noise
from training.render.character.parts import Part, head_weight, smoothstep

BEARD_KINDS = ("full", "goatee", "moustache", "long", "whiskers")


def beard(rng: Rng, base: Array, vertices: Array, normal: Array, faces: Ints, lips: Array, kind: str) -> Part:
    """A beard of one of BEARD_KINDS.

    base (V, 3): mean head. vertices (V, 3): this head, with normals (V, 3). faces (F, 3): its skin. lips (12, 3): their
    outline on the mean head.
    """
    x, y, z = base.T
    upper = rng.uniform(-2.2, -1.2)
    side = np.interp(np.abs(x), [0, 2.5, 5.5, 7.5], [upper, upper - 0.3, -2.5, 1.0])
    field = np.minimum(side - y, 1.5) - np.maximum(0, 1.0 - (y + 9.5) * 0.8)
    mouth = np.linalg.norm((base[:, None, :2] - lips[None, :, :2]) * [1, 1.2], axis=2).min(1)
    inside = (np.abs(x) < 2.3) & (y < -2.6) & (y > -4.3) & (z > 8)
    field = np.minimum(field, np.where(inside, -0.5, (mouth - 0.35) * 2))
    field = np.where((z < 1.5) | (y < -11) | (np.arange(len(base)) >= FACE_END), -1, field)
    if kind == "goatee":
        field = np.minimum(field, rng.uniform(2.0, 3.4) - np.abs(x))
    elif kind == "moustache":
        field = np.minimum(field, np.minimum(y - lips[:, 1].mean() - 0.1, rng.uniform(2.4, 4.2) - np.abs(x)))
    elif kind == "whiskers":
        field = np.minimum(field, np.abs(x) - rng.uniform(3.6, 5.6))
    height = rng.uniform(0.15, 1.4) * smoothstep(0, 1.6, field) - 0.15 * (field < 0.1)
    seed = int(rng.integers(1 << 20))
    height = height * (1 + 0.4 * value_noise(base * 1.3, seed, 3))
    points = vertices + normal * height[:, None]
    if kind == "long":
        fall = smoothstep(0.2, 1.5, field) * smoothstep(-5.5, -9.0, y)
        tips = 1 + 0.4 * value_noise(base * np.array([1.5, 0.1, 0.5], np.float32), seed + 1, 2)
        points[:, 1] -= rng.uniform(2, 9) * fall * tips
        points[:, 2] += 1.5 * fall
    kept = (field > -0.4)[faces].all(1)
    used, index = np.unique(faces[kept], return_inverse=True)
    uv = np.stack([0.5 + x[used] / 40, np.clip((14.6 - points[used, 1]) / 50.0, 0, 1)], 1)
    return hair_part(points[used], index.reshape(-1, 3), uv, head_weight(base[used]), used.astype(np.int32))
