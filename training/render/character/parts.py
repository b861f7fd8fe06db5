"""Mesh parts that the face model lacks, their building blocks, eyeballs, the bust. Units: cm, the face model's axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.render.arrays import Array, Ints

BODY, HEAD, SKIN, MOUTH, EYES = 1, 2, 3, 4, 5  # labels; 0 is the background


@dataclass(frozen=True)
class Part:
    """A piece of mesh at rest."""

    vertices: Array  # (V, 3)
    faces: Ints  # (F, 3)
    uv: Array  # (V, 2), or (U, 2) with `corner`, 0..1 inside its tile
    tile: str
    label: int
    material: int | Ints  # of all triangles, or of each (F,)
    head: Array  # (V,) 1 = moves with the head, 0 = with the bust
    parent: Ints | None = None  # (V,) face-model vertex whose expression it follows, -1 = none
    corner: Ints | None = None  # (F, 3) index into uv where that is not per vertex


def grid(rows: int, columns: int) -> Ints:
    """Triangles (2·(rows−1)·(columns−1), 3) of a rows × columns grid of vertices."""
    i = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = i[:-1, :-1].ravel(), i[:-1, 1:].ravel(), i[1:, :-1].ravel(), i[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]).astype(np.int32)


def smooth(low: float, high: float, x: Array) -> Array:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def head_weight(points: Array) -> Array:
    """How far a point of the head and neck (N, 3) turns with the skull: 1 on the head, 0 at the collar."""
    return smooth(-13.0, -4.5, points[:, 1] + 0.35 * (points[:, 2] + 2.0))


def eyeball(tile: str, iris: float) -> Part:
    """A unit sphere looking along +z; its uv is the angle from the gaze axis (edge of the tile = 90°)."""
    rows, columns = 20, 28
    theta, phi = np.meshgrid(
        np.r_[0, np.linspace(0.05, iris, 6), np.linspace(iris + 0.1, np.pi * 0.6, rows - 7)],
        np.linspace(0, 2 * np.pi, columns),
        indexing="ij",
    )
    points = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1).reshape(-1, 3)
    radius = np.minimum(theta / (np.pi / 2), 1)
    uv = np.stack([0.5 + 0.5 * radius * np.cos(phi), 0.5 - 0.5 * radius * np.sin(phi)], -1).reshape(-1, 2)
    ones = np.ones(len(points), np.float32)
    return Part(
        points.astype(np.float32), grid(rows, columns), uv.astype(np.float32), tile, EYES, 2, ones,
    )  # fmt: skip


def tube(line: Array, radius: float | Array, sides: int = 6) -> tuple[Array, Ints]:
    """A tube around a polyline (K, 3); radius in cm, one for all or one per point (K,)."""
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
    helper = np.where(np.abs(tangent[:, 2:3]) > 0.9, [[0.0, 1, 0]], [[0.0, 0, 1]])
    one = np.cross(tangent, helper)
    one /= np.linalg.norm(one, axis=1, keepdims=True) + 1e-9
    two = np.cross(tangent, one)
    turn = np.linspace(0, 2 * np.pi, sides + 1)
    wide = np.broadcast_to(np.asarray(radius), (len(line),))[:, None, None]
    ring = line[:, None] + wide * (np.cos(turn)[:, None] * one[:, None] + np.sin(turn)[:, None] * two[:, None])
    return ring.reshape(-1, 3), grid(len(line), sides + 1)


def ball(rows: int = 9, columns: int = 13) -> tuple[Array, Ints]:
    """A unit sphere."""
    theta, phi = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
    points = np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], -1)
    return points.reshape(-1, 3).astype(np.float32), grid(rows, columns)


def joined(pieces: list[tuple[Array, Ints]]) -> tuple[Array, Ints]:
    """Several meshes as one."""
    starts = np.cumsum([0] + [len(points) for points, _ in pieces[:-1]])
    faces = [faces + start for (_, faces), start in zip(pieces, starts, strict=True)]
    return np.concatenate([p for p, _ in pieces]).astype(np.float32), np.concatenate(faces).astype(np.int32)


# Rings of the bust from the neck down: y at the side, front and back; half width; z of the front and of the back.
RINGS = np.array([
    [-6.0, -9.0, -4.0, 5.6, 4.6, -6.0], [-8.5, -13.0, -7.0, 6.6, 4.4, -7.4], [-10.3, -15.8, -9.5, 9.5, 4.9, -8.6],
    [-11.9, -17.8, -12.0, 13.5, 5.9, -9.5], [-13.8, -19.5, -14.5, 17.3, 7.2, -10.2],
    [-16.8, -21.5, -17.5, 19.6, 8.6, -11.0], [-21.5, -25.0, -22.0, 20.4, 9.8, -11.4],
    [-27.0, -30.0, -28.0, 19.0, 10.6, -11.4], [-35.0, -37.0, -36.0, 17.0, 10.4, -11.0],
    [-46.0, -47.0, -46.0, 15.6, 9.8, -10.2], [-64.0, -64.0, -64.0, 17.0, 10.0, -10.6],
])  # fmt: skip
BUST_GRID = (48, 73)  # rows and columns of the loft
SHOULDER = np.array([17.0, -17.5, -2.0])  # the left one; mirrored for the right
ELBOW = np.array([23.5, -45.0, -2.0])


def bust(wide: float, neck: float, cloth: float, collar: float) -> list[Part]:
    """Neck base, shoulders, chest and upper arms, made of lofted rings.

    wide = width of the shoulders, neck = width of the neck, against the mean; cloth = thickness in cm of the clothes,
    which begin where v > collar (0..1 of the loft).
    """
    rows, columns = BUST_GRID
    position = np.linspace(0, len(RINGS) - 1, rows)
    rings = np.stack([np.interp(position, np.arange(len(RINGS)), RINGS[:, i]) for i in range(6)], 1)
    blend = np.clip(position / 3, 0, 1)
    rings[:, 3] *= neck * (1 - blend) + wide * blend
    turn = np.linspace(0, 2 * np.pi, columns)[None, :]  # 0 = front
    side, front = np.sin(turn), np.cos(turn)
    power = 2 / (2.0 + 0.8 * np.clip(position / 6, 0, 1))[:, None]
    x = rings[:, 3:4] * np.sign(side) * np.abs(side) ** power
    reach = np.where(front > 0, rings[:, 4:5] + 2.0, -(rings[:, 5:6] + 2.0))
    z = -2.0 + reach * np.sign(front) * np.abs(front) ** power
    y = rings[:, 0:1] + np.where(front > 0, rings[:, 1:2] - rings[:, 0:1], rings[:, 2:3] - rings[:, 0:1]) * front**2
    v = np.broadcast_to((position / (len(RINGS) - 1))[:, None], x.shape)
    outward = np.stack([side * np.ones_like(x), np.full_like(x, 0.4), front * np.ones_like(x)], -1)
    points = np.stack([x, y, z], -1) + outward * (cloth * smooth(collar, collar + 0.03, v))[..., None]
    uv = np.stack([np.broadcast_to(turn / (2 * np.pi), x.shape), v], -1)
    weight = head_weight(points.reshape(-1, 3)) * (v.reshape(-1) < collar + 0.1)
    parts = [
        Part(points.reshape(-1, 3).astype(np.float32), grid(rows, columns), uv.reshape(-1, 2).astype(np.float32),
             "body", BODY, 5, weight.astype(np.float32))
    ]  # fmt: skip
    for sign in (-1, 1):
        down = np.linspace(0, 1, 14)[:, None]
        shoulder, elbow = SHOULDER * [sign * wide, 1, 1], ELBOW * [sign * wide, 1, 1]
        line = shoulder + (elbow - shoulder) * down + np.array([-sign * 0.8, 0.6, 0]) * (1 - down)
        radius = np.interp(down[:, 0], [0, 0.12, 0.5, 1], [1.0, 5.0, 5.2, 4.3])[:, None] * np.ones((1, 19))
        turn_arm = np.linspace(0, 2 * np.pi, 19)[None, :]
        ring = np.stack([np.cos(turn_arm) * radius, np.zeros_like(radius), np.sin(turn_arm) * radius * 1.1], -1)
        arm = (line[:, None] + ring).reshape(-1, 3)
        where = np.stack(np.broadcast_arrays(turn_arm / (2 * np.pi), 0.5 + 0.45 * down), -1).reshape(-1, 2)
        parts.append(Part(arm.astype(np.float32), grid(14, 19), where.astype(np.float32), "body", BODY, 5,
                          np.zeros(len(arm), np.float32)))  # fmt: skip
    return parts
