"""Mesh parts that the face model lacks: eyeballs, hair, glasses, the bust. Units: cm, the face model's axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.render.noise import Rng, value_noise
from training.render.raster import Array, Ints

BODY, HEAD, SKIN, MOUTH, EYES = 1, 2, 3, 4, 5  # labels; 0 is the background


@dataclass(frozen=True)
class Part:
    """A piece of mesh at rest."""

    vertices: Array  # (V, 3)
    faces: Ints  # (F, 3)
    uv: Array  # (V, 2) 0..1 inside its tile
    tile: str
    label: int
    material: int
    head: Array  # (V,) 1 = moves with the head, 0 = with the bust
    parent: Ints | None = None  # (V,) face-model vertex whose expression it follows, -1 = none


def _grid(rows: int, columns: int) -> Ints:
    """Triangles (2·(rows−1)·(columns−1), 3) of a rows × columns grid of vertices."""
    i = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = i[:-1, :-1].ravel(), i[:-1, 1:].ravel(), i[1:, :-1].ravel(), i[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]).astype(np.int32)


def _smooth(low: float, high: float, x: Array) -> Array:
    t = np.clip((x - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def head_weight(points: Array) -> Array:
    """How far a point of the head and neck (N, 3) turns with the skull: 1 on the head, 0 at the collar."""
    return _smooth(-13.0, -4.5, points[:, 1] + 0.35 * (points[:, 2] + 2.0))


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
        points.astype(np.float32), _grid(rows, columns), uv.astype(np.float32), tile, EYES, 2, ones,
    )  # fmt: skip


def hairline(points: Array, rise: float) -> Array:
    """Signed height (N,) in cm over the hairline of points on the mean head: > 0 is scalp. `rise` lifts its front."""
    z = np.array([-9.0, -4.0, -1.0, 1.5, 4.0, 7.0, 9.0, 11.0])
    y = np.array([-6.0, -5.0, -2.5, 2.5, 6.5, 8.0 + rise, 8.8 + rise, 9.2 + rise])
    field = points[:, 1] - np.interp(points[:, 2], z, y)
    ear = (np.abs(points[:, 0]) > 7.3) & (points[:, 1] < 5.2) & (points[:, 1] > -4) & (points[:, 2] > -4.5)
    return np.where(ear, np.minimum(field, -0.6), field).astype(np.float32)


def cap(rng: Rng, base: Array, vertices: Array, normal: Array, faces: Ints, thick: float, rise: float) -> Part:
    """A hair shell: the scalp moved outwards; at the hairline it dives under the skin, which makes the edge.

    base (V, 3) mean head, vertices (V, 3) this head with normals (V, 3), faces (F, 3) its skin triangles.
    """
    seed = int(rng.integers(1 << 20))
    field = hairline(base, rise) + 0.5 * value_noise(base * 0.8, seed, 3) * rng.uniform(0, 2)
    height = thick * _smooth(-0.2, 3.0, field) * (0.7 + 0.3 * _smooth(2, 12, base[:, 1])) - 0.25 * (field < 0.25)
    clumps = value_noise(base * np.array([1.2, 0.25, 1.2], np.float32) * rng.uniform(0.5, 1.6), seed + 1, 3)
    height = height * (1 + rng.uniform(0, 0.5) * clumps)
    points = vertices + normal * height[:, None]
    keep = (field > -0.8)[faces].all(1)
    used, index = np.unique(faces[keep], return_inverse=True)
    angle = np.arctan2(base[used, 0], base[used, 2]) / (2 * np.pi) + 0.5
    uv = np.stack([angle, np.clip((14.6 - base[used, 1]) / 50.0, 0, 1)], 1)
    return Part(
        points[used].astype(np.float32), index.reshape(-1, 3).astype(np.int32), uv.astype(np.float32), "hair", HEAD, 3,
        np.ones(len(used), np.float32),
    )  # fmt: skip


def beard(rng: Rng, base: Array, vertices: Array, normal: Array, faces: Ints, lips: Array) -> Part:
    """A beard shell under the nose, on jaw and chin; it follows the face's expression."""
    x, y, z = base.T
    upper = rng.uniform(-2.2, -1.2)
    side = np.interp(np.abs(x), [0, 2.5, 5.5, 7.5], [upper, upper - 0.3, -2.5, 1.0])
    field = np.minimum(side - y, 1.5) - np.maximum(0, 1.0 - (y + 9.5) * 0.8)
    mouth = np.linalg.norm((base[:, None, :2] - lips[None, :, :2]) * [1, 1.2], axis=2).min(1)
    inside = (np.abs(x) < 2.3) & (y < -2.6) & (y > -4.3) & (z > 8)
    field = np.minimum(field, np.where(inside, -0.5, (mouth - 0.35) * 2))
    field = np.where((z < 1.5) | (y < -11) | (np.arange(len(base)) >= 9409), -1, field)
    height = rng.uniform(0.15, 1.4) * _smooth(0, 1.6, field) - 0.15 * (field < 0.1)
    height = height * (1 + 0.4 * value_noise(base * 1.3, int(rng.integers(1 << 20)), 3))
    keep = (field > -0.4)[faces].all(1)
    used, index = np.unique(faces[keep], return_inverse=True)
    uv = np.stack([0.5 + x[used] / 40, np.clip((14.6 - y[used]) / 50.0, 0, 1)], 1)
    points = vertices + normal * height[:, None]
    return Part(
        points[used].astype(np.float32), index.reshape(-1, 3).astype(np.int32), uv.astype(np.float32), "hair", HEAD, 3,
        head_weight(base[used]), used.astype(np.int32),
    )  # fmt: skip


def curtain(rng: Rng, scale: Array, thick: float, length: float, reach: float) -> Part:
    """Long hair around the back and sides of the head, down to y = −length; it lies on the shoulders.

    scale (3,) size of this head against the mean one; reach in radians from the back of the head to its front edge.
    """
    rows, columns = 40, 90
    seed = int(rng.integers(1 << 20))
    angle = np.linspace(-reach, reach, columns)[None, :]
    fall = np.linspace(0, 1, rows)[:, None] ** 0.8
    y = 13.2 + thick - fall * (13.2 + thick + length)
    flare = rng.uniform(-1.0, 3.0)
    up = np.clip((y - 3.0) / (11.0 + thick), 0, 1)
    round_ = np.sqrt(np.clip(1 - up**2, 0, 1)) + flare * 0.1 * _smooth(0.3, 1.0, fall)
    wave_noise = value_noise(
        np.stack([np.broadcast_to(angle * 4, (rows, columns)), np.broadcast_to(fall * 3, (rows, columns)),
                  np.zeros((rows, columns))], -1).reshape(-1, 3), seed, 3,
    ).reshape(rows, columns)  # fmt: skip
    wave = rng.uniform(0, 0.5) * np.sin(fall * rng.uniform(4, 14) + angle * 3) + rng.uniform(0.2, 1.5) * wave_noise
    rx = (8.0 + thick) * round_ + wave * _smooth(0.2, 0.6, fall)
    rz = (8.6 + thick) * round_ + wave * _smooth(0.2, 0.6, fall)
    x = rx * np.sin(angle)
    z = -0.6 - rz * np.cos(angle) * np.where(np.cos(angle) > 0, 1.0, 0.75)
    low = _smooth(-9.0, -17.0, y * np.ones_like(x))
    front = np.abs(angle) > rng.uniform(1.3, 1.9)
    z = np.where(front, np.maximum(z, z * (1 - low) + 7.5 * low), np.minimum(z, z * (1 - low) - 11.0 * low))
    ends = rng.uniform(0, 3) * value_noise(np.stack([angle[0] * 6, angle[0] * 0, angle[0] * 0], 1), seed + 3, 3)
    tips = rng.uniform(0.3, 4) * value_noise(np.stack([angle[0] * 25, angle[0] * 0, angle[0] * 0], 1), seed + 4, 2)
    y = y + ends[None, :] * fall**3 + tips[None, :] * fall**6
    points = np.stack([x, y * np.ones_like(x), z], -1).reshape(-1, 3) * scale
    uv = np.stack(np.broadcast_arrays(angle / (2 * np.pi) + 0.5, (14.6 - y) / 50.0), -1).reshape(-1, 2)
    weight = 1 - 0.8 * _smooth(-5.0, -18.0, points[:, 1])
    return Part(
        points.astype(np.float32), _grid(rows, columns), np.clip(uv, 0, 1).astype(np.float32), "hair", HEAD, 3, weight,
    )  # fmt: skip


def locks(
    rng: Rng, scale: Array, thick: float, count: int, low: float, spread: float, swept: float | None = None
) -> Part:
    """Tapered locks that fall from the crown over the forehead and the temples.

    low = lowest end (y, cm) of the locks, spread = largest angle from the middle of the forehead, swept = how far they
    are combed aside from a parting, radians; None = by chance, often straight down.
    """
    rows = 10
    parting = rng.normal(0, 0.3)
    by_chance = rng.uniform(0.2, 0.9) if rng.random() < 0.5 else 0.0
    sweep = by_chance if swept is None else swept
    vertices, faces, uvs = [], [], []
    for n in range(count):
        start = rng.uniform(-spread, spread)
        lean = rng.normal(0, 0.15) + (0.25 * rng.random() + sweep) * np.sign(start - parting)
        tall = np.linspace(0, 1, rows)
        end = rng.uniform(low, low + 2.5) - max(0.0, abs(start) - 0.8) * rng.uniform(0, 8)
        y = 13.0 + (end - 13.0) * tall**1.4
        angle = start + lean * tall**2
        up = np.clip((y - 3.5) / (10.8 + thick), -0.4, 1)
        ring = np.sqrt(1 - np.maximum(up, 0) ** 2)
        out = thick * (0.55 + 0.5 * np.sin(np.pi * np.minimum(tall * 0.8 + 0.1, 1))) + rng.uniform(0, 0.5)
        radius_x, radius_z = 7.6 + out, 10.0 + out
        middle = np.stack([radius_x * ring * np.sin(angle), y, 0.2 + radius_z * ring * np.cos(angle)], 1)
        wide = rng.uniform(0.6, 2.0) * np.sin(np.pi * (0.15 + 0.85 * tall)) ** 0.7 * (1 - 0.3 * tall)
        side = np.stack([np.cos(angle), np.zeros(rows), -np.sin(angle)], 1)
        face = np.stack([np.sin(angle), np.zeros(rows), np.cos(angle)], 1)
        strip = np.stack(
            [middle - side * wide[:, None], middle + face * 0.35 * wide[:, None], middle + side * wide[:, None]], 1
        )
        vertices.append(strip.reshape(-1, 3))
        faces.append(_grid(rows, 3) + n * rows * 3)
        u = 0.5 + (angle[:, None] + np.array([-1, 0, 1]) * wide[:, None] / 9) / (2 * np.pi)
        v = np.broadcast_to((14.6 - y)[:, None] / 50, (rows, 3))
        uvs.append(np.stack([np.clip(u, 0, 1), np.clip(v, 0, 1)], -1).reshape(-1, 2))
    points = np.concatenate(vertices) * scale
    return Part(
        points.astype(np.float32), np.concatenate(faces).astype(np.int32), np.concatenate(uvs).astype(np.float32),
        "hair", HEAD, 3, np.ones(len(points), np.float32),
    )  # fmt: skip


def _tube(line: Array, radius: float, sides: int = 6) -> tuple[Array, Ints]:
    """A tube around a polyline (K, 3)."""
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
    helper = np.where(np.abs(tangent[:, 2:3]) > 0.9, [[0.0, 1, 0]], [[0.0, 0, 1]])
    one = np.cross(tangent, helper)
    one /= np.linalg.norm(one, axis=1, keepdims=True) + 1e-9
    two = np.cross(tangent, one)
    turn = np.linspace(0, 2 * np.pi, sides + 1)
    ring = line[:, None] + radius * (np.cos(turn)[:, None] * one[:, None] + np.sin(turn)[:, None] * two[:, None])
    return ring.reshape(-1, 3), _grid(len(line), sides + 1)


def glasses(rng: Rng, eyes: Array, ear: Array) -> Part:
    """Spectacle rims, bridge and temples around the eye centres (2, 3: right, left) back to the left ear (3,)."""
    thick = rng.uniform(0.1, 0.3)
    wide, tall, square = rng.uniform(2.1, 2.9), rng.uniform(1.5, 2.3), rng.uniform(2.0, 4.5)
    turn = np.linspace(0, 2 * np.pi, 32)
    c, s = np.cos(turn), np.sin(turn)
    front = max(eyes[:, 2]) + rng.uniform(2.3, 2.9)
    pieces = []
    for eye in eyes:
        x = eye[0] + wide * np.sign(c) * np.abs(c) ** (2 / square)
        y = eye[1] - 0.3 + tall * np.sign(s) * np.abs(s) ** (2 / square)
        pieces.append(_tube(np.stack([x, y, np.full(32, front) - 0.02 * x**2], 1), thick))
        sign = np.sign(eye[0])
        hinge = np.array([eye[0] + sign * wide, eye[1] + 0.3, front - 0.02 * (eye[0] + sign * wide) ** 2])
        back = np.array([sign * (abs(ear[0]) - 0.3), eye[1] + 0.2, ear[2]])
        pieces.append(_tube(np.linspace(hinge, back, 8), thick * 0.8))
    inner = np.abs(eyes[:, 0]).min() - wide
    bridge = np.linspace(-inner, inner, 8)
    top = eyes[:, 1].mean() + 0.2 + 0.4 * (1 - (bridge / (abs(inner) + 1e-6)) ** 2)
    pieces.append(_tube(np.stack([bridge, top, np.full(8, front)], 1), thick))
    vertices = np.concatenate([p[0] for p in pieces])
    starts = np.cumsum([0] + [len(p[0]) for p in pieces[:-1]])
    faces = np.concatenate([p[1] + start for p, start in zip(pieces, starts, strict=True)])
    uv = np.full((len(vertices), 2), 0.5)
    return Part(
        vertices.astype(np.float32), faces.astype(np.int32), uv.astype(np.float32), "glasses", HEAD, 4,
        np.ones(len(vertices), np.float32),
    )  # fmt: skip


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
    points = np.stack([x, y, z], -1) + outward * (cloth * _smooth(collar, collar + 0.03, v))[..., None]
    uv = np.stack([np.broadcast_to(turn / (2 * np.pi), x.shape), v], -1)
    weight = head_weight(points.reshape(-1, 3)) * (v.reshape(-1) < collar + 0.1)
    parts = [
        Part(points.reshape(-1, 3).astype(np.float32), _grid(rows, columns), uv.reshape(-1, 2).astype(np.float32),
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
        parts.append(Part(arm.astype(np.float32), _grid(14, 19), where.astype(np.float32), "body", BODY, 5,
                          np.zeros(len(arm), np.float32)))  # fmt: skip
    return parts
