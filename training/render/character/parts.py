"""Building blocks of meshes (grids, tubes, spheres), eyeballs and the bust. Units: cm, the axes of the face model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from training.render.arrays import Array, Ints

# Labels: body and clothes; hair, head and glasses; skin of the face; inside of the mouth; eyes. 0 is the background.
BODY, HEAD, SKIN, MOUTH, EYES = 1, 2, 3, 4, 5


class Material(IntEnum):
    """Rows of `Appearance.materials`."""

    SKIN = 0
    MOUTH = 1
    EYES = 2
    HAIR = 3
    ACCESSORY = 4  # glasses and jewels
    CLOTHES = 5
    HAT = 6


@dataclass(frozen=True)
class Part:
    """A piece of mesh in the rest pose.

    vertices: (V, 3).
    faces: (F, 3).
    uv: (V, 2), or (U, 2) with `corner_uv`, 0..1 inside the tile.
    tile: its tile of the atlas.
    label: of all triangles.
    material: of all triangles, or of each (F,).
    head_weight: (V,) 1 = moves with the head, 0 = with the bust.
    parent: (V,) vertex of the face model whose expression offset each vertex follows, −1 = none; None = none at all.
    corner_uv: (F, 3) index into uv, where that is not per vertex.
    """

    vertices: Array
    faces: Ints
    uv: Array
    tile: str
    label: int
    material: int | Ints
    head_weight: Array
    parent: Ints | None = None
    corner_uv: Ints | None = None


def grid_faces(rows: int, columns: int) -> Ints:
    """Triangles (2·(rows−1)·(columns−1), 3) of a grid of rows × columns vertices."""
    i = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = i[:-1, :-1].ravel(), i[:-1, 1:].ravel(), i[1:, :-1].ravel(), i[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]).astype(np.int32)


def smoothstep(low: float, high: float, x: Array) -> Array:
    """Smoothstep: 0 below low, 1 above high, 3t² − 2t³ between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def head_weight(points: Array) -> Array:
    """Skin weight (N,) of the head for points (N, 3) of head and neck: 1 on the skull, 0 at the collar."""
    return smoothstep(-13.0, -4.5, points[:, 1] + 0.35 * (points[:, 2] + 2.0))


def eyeball(tile: str, iris: float) -> Part:
    """A unit sphere whose gaze axis is +z; uv is the angle from that axis, 90° at the edge of the tile.

    iris: angle of its edge, radians.
    """
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
        points.astype(np.float32), grid_faces(rows, columns), uv.astype(np.float32), tile, EYES, Material.EYES, ones,
    )  # fmt: skip


def tube(line: Array, radius: float | Array, sides: int = 6) -> tuple[Array, Ints]:
    """A tube around a polyline (K, 3): vertices and triangles. radius: cm, one for all points or each (K,)."""
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
    helper = np.where(np.abs(tangent[:, 2:3]) > 0.9, [[0.0, 1, 0]], [[0.0, 0, 1]])
    normal = np.cross(tangent, helper)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    binormal = np.cross(tangent, normal)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    radii = np.broadcast_to(np.asarray(radius), (len(line),))[:, None, None]
    circle = np.cos(angle)[:, None] * normal[:, None] + np.sin(angle)[:, None] * binormal[:, None]
    ring = line[:, None] + radii * circle
    return ring.reshape(-1, 3), grid_faces(len(line), sides + 1)


def sphere(rows: int = 9, columns: int = 13) -> tuple[Array, Ints]:
    """A unit sphere: vertices and triangles."""
    theta, phi = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
    points = np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], -1)
    return points.reshape(-1, 3).astype(np.float32), grid_faces(rows, columns)


def merge_meshes(pieces: list[tuple[Array, Ints]]) -> tuple[Array, Ints]:
    """Several meshes, each of vertices and triangles, as one."""
    starts = np.cumsum([0] + [len(points) for points, _ in pieces[:-1]])
    faces = [faces + start for (_, faces), start in zip(pieces, starts, strict=True)]
    return np.concatenate([p for p, _ in pieces]).astype(np.float32), np.concatenate(faces).astype(np.int32)


# Rings of the bust from the neck down: y at the side, in front and at the back; half width; z in front and at the back.
BUST_RINGS = np.array([
    [-6.0, -9.0, -4.0, 5.6, 4.6, -6.0], [-8.5, -13.0, -7.0, 6.6, 4.4, -7.4], [-10.3, -15.8, -9.5, 9.5, 4.9, -8.6],
    [-11.9, -17.8, -12.0, 13.5, 5.9, -9.5], [-13.8, -19.5, -14.5, 17.3, 7.2, -10.2],
    [-16.8, -21.5, -17.5, 19.6, 8.6, -11.0], [-21.5, -25.0, -22.0, 20.4, 9.8, -11.4],
    [-27.0, -30.0, -28.0, 19.0, 10.6, -11.4], [-35.0, -37.0, -36.0, 17.0, 10.4, -11.0],
    [-46.0, -47.0, -46.0, 15.6, 9.8, -10.2], [-64.0, -64.0, -64.0, 17.0, 10.0, -10.6],
])  # fmt: skip
BUST_GRID = (48, 73)  # rows and columns of the loft
# Joints of the left arm of the mean bust, cm; mirrored for the right arm.
BUST_SHOULDER = np.array([17.0, -17.5, -2.0])
BUST_ELBOW = np.array([23.5, -45.0, -2.0])


def bust(shoulder_width: float, neck_width: float, thickness: float, neckline: float) -> list[Part]:
    """Base of the neck, shoulders, chest and upper arms as lofted rings.

    shoulder_width, neck_width: against the mean. thickness: of the clothes, cm, which begin where v > neckline (0..1
    along the loft).
    """
    rows, columns = BUST_GRID
    ring_position = np.linspace(0, len(BUST_RINGS) - 1, rows)
    rings = np.stack([np.interp(ring_position, np.arange(len(BUST_RINGS)), BUST_RINGS[:, i]) for i in range(6)], 1)
    blend = np.clip(ring_position / 3, 0, 1)
    rings[:, 3] *= neck_width * (1 - blend) + shoulder_width * blend
    angle = np.linspace(0, 2 * np.pi, columns)[None, :]  # 0 = front
    side, front = np.sin(angle), np.cos(angle)
    power = 2 / (2.0 + 0.8 * np.clip(ring_position / 6, 0, 1))[:, None]
    x = rings[:, 3:4] * np.sign(side) * np.abs(side) ** power
    reach = np.where(front > 0, rings[:, 4:5] + 2.0, -(rings[:, 5:6] + 2.0))
    z = -2.0 + reach * np.sign(front) * np.abs(front) ** power
    y = rings[:, 0:1] + np.where(front > 0, rings[:, 1:2] - rings[:, 0:1], rings[:, 2:3] - rings[:, 0:1]) * front**2
    v = np.broadcast_to((ring_position / (len(BUST_RINGS) - 1))[:, None], x.shape)
    outward = np.stack([side * np.ones_like(x), np.full_like(x, 0.4), front * np.ones_like(x)], -1)
    points = np.stack([x, y, z], -1) + outward * (thickness * smoothstep(neckline, neckline + 0.03, v))[..., None]
    uv = np.stack([np.broadcast_to(angle / (2 * np.pi), x.shape), v], -1)
    weight = head_weight(points.reshape(-1, 3)) * (v.reshape(-1) < neckline + 0.1)
    parts = [
        Part(points.reshape(-1, 3).astype(np.float32), grid_faces(rows, columns), uv.reshape(-1, 2).astype(np.float32),
             "body", BODY, Material.CLOTHES, weight.astype(np.float32))
    ]  # fmt: skip
    for sign in (-1, 1):
        down = np.linspace(0, 1, 14)[:, None]
        shoulder, elbow = BUST_SHOULDER * [sign * shoulder_width, 1, 1], BUST_ELBOW * [sign * shoulder_width, 1, 1]
        line = shoulder + (elbow - shoulder) * down + np.array([-sign * 0.8, 0.6, 0]) * (1 - down)
        radius = np.interp(down[:, 0], [0, 0.12, 0.5, 1], [1.0, 5.0, 5.2, 4.3])[:, None] * np.ones((1, 19))
        arm_angle = np.linspace(0, 2 * np.pi, 19)[None, :]
        ring = np.stack([np.cos(arm_angle) * radius, np.zeros_like(radius), np.sin(arm_angle) * radius * 1.1], -1)
        arm = (line[:, None] + ring).reshape(-1, 3)
        arm_uv = np.stack(np.broadcast_arrays(arm_angle / (2 * np.pi), 0.5 + 0.45 * down), -1).reshape(-1, 2)
        arm, arm_uv, weight = arm.astype(np.float32), arm_uv.astype(np.float32), np.zeros(len(arm), np.float32)
        parts.append(Part(arm, grid_faces(14, 19), arm_uv, "body", BODY, Material.CLOTHES, weight))
    return parts
