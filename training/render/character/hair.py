"""Meshes of hair: caps, long hair, locks, strands, spikes, buns and tails. Units: cm, the axes of the face model."""

from __future__ import annotations

import numpy as np

from training.render.arrays import Array, Ints
from training.render.character.noise import Rng, value_noise
from training.render.character.parts import HEAD, Material, Part, grid_faces, merge_meshes, smoothstep, sphere, tube


def hair_part(points: Array, faces: Ints, uv: Array, head_weight: Array, parent: Ints | None = None) -> Part:
    """A part with the material of hair; arguments as the fields of `Part`."""
    points, faces, uv = points.astype(np.float32), faces.astype(np.int32), uv.astype(np.float32)
    return Part(points, faces, uv, "hair", HEAD, Material.HAIR, head_weight, parent)


def hairline(points: Array, rise: float) -> Array:
    """Signed height (N,), cm, of points on the mean head above the hairline, positive on the scalp.

    rise: of the hairline over the forehead, cm.
    """
    z = np.array([-9.0, -4.0, -1.0, 1.5, 4.0, 7.0, 9.0, 11.0])
    y = np.array([-6.0, -5.0, -2.5, 2.5, 6.5, 8.0 + rise, 8.8 + rise, 9.2 + rise])
    field = points[:, 1] - np.interp(points[:, 2], z, y)
    ear = (np.abs(points[:, 0]) > 7.3) & (points[:, 1] < 5.2) & (points[:, 1] > -4) & (points[:, 2] > -4.5)
    # The inside of the ear:
    ear |= (np.abs(points[:, 0]) > 5.5) & (np.abs(points[:, 1]) < 4) & (np.abs(points[:, 2]) < 2.5)
    return np.where(ear, np.minimum(field, -0.6), field).astype(np.float32)


def cap(rng: Rng, base: Array, vertices: Array, normal: Array, faces: Ints, thickness: float, rise: float) -> Part:
    """A shell of hair: the scalp moved outwards, and below the skin at the hairline, so that they intersect there.

    base (V, 3): mean head. vertices (V, 3): this head, with normals (V, 3). faces (F, 3): its skin. thickness: cm.
    rise: of the hairline over the forehead, cm.
    """
    seed = int(rng.integers(1 << 20))
    field = hairline(base, rise) + 0.5 * value_noise(base * 0.8, seed, 3) * rng.uniform(0, 2)
    crown = 0.7 + 0.3 * smoothstep(2, 12, base[:, 1])
    height = thickness * smoothstep(-0.2, 3.0, field) * crown - 0.25 * (field < 0.25)
    clumps = value_noise(base * np.array([1.2, 0.25, 1.2], np.float32) * rng.uniform(0.5, 1.6), seed + 1, 3)
    height = height * (1 + rng.uniform(0, 0.5) * clumps)
    points = vertices + normal * height[:, None]
    kept = (field > -0.8)[faces].all(1)
    used, index = np.unique(faces[kept], return_inverse=True)
    angle = np.arctan2(base[used, 0], base[used, 2]) / (2 * np.pi) + 0.5
    uv = np.stack([angle, np.clip((14.6 - base[used, 1]) / 50.0, 0, 1)], 1)
    return hair_part(points[used], index.reshape(-1, 3), uv, np.ones(len(used), np.float32))


def curtain(rng: Rng, scale: Array, thickness: float, length: float, reach: float) -> Part:
    """Long hair around the back and the sides of the head, down to y = −length, lying on the shoulders.

    scale (3,): size of this head against the mean. reach: radians from the back of the head to the front edge.
    """
    rows, columns = 40, 90
    seed = int(rng.integers(1 << 20))
    angle = np.linspace(-reach, reach, columns)[None, :]
    fall = np.linspace(0, 1, rows)[:, None] ** 0.8
    y = 13.2 + thickness - fall * (13.2 + thickness + length)
    flare = rng.uniform(-1.0, 3.0)
    crown_height = np.clip((y - 3.0) / (11.0 + thickness), 0, 1)
    roundness = np.sqrt(np.clip(1 - crown_height**2, 0, 1)) + flare * 0.1 * smoothstep(0.3, 1.0, fall)
    wave_noise = value_noise(
        np.stack([np.broadcast_to(angle * 4, (rows, columns)), np.broadcast_to(fall * 3, (rows, columns)),
                  np.zeros((rows, columns))], -1).reshape(-1, 3), seed, 3,
    ).reshape(rows, columns)  # fmt: skip
    wave = rng.uniform(0, 0.5) * np.sin(fall * rng.uniform(4, 14) + angle * 3) + rng.uniform(0.2, 1.5) * wave_noise
    rx = (8.0 + thickness) * roundness + wave * smoothstep(0.2, 0.6, fall)
    rz = (8.6 + thickness) * roundness + wave * smoothstep(0.2, 0.6, fall)
    x = rx * np.sin(angle)
    z = -0.6 - rz * np.cos(angle) * np.where(np.cos(angle) > 0, 1.0, 0.75)
    low = smoothstep(-9.0, -17.0, y * np.ones_like(x))
    front = np.abs(angle) > rng.uniform(1.3, 1.9)
    z = np.where(front, np.maximum(z, z * (1 - low) + 7.5 * low), np.minimum(z, z * (1 - low) - 11.0 * low))
    ends = rng.uniform(0, 3) * value_noise(np.stack([angle[0] * 6, angle[0] * 0, angle[0] * 0], 1), seed + 3, 3)
    tips = rng.uniform(0.3, 4) * value_noise(np.stack([angle[0] * 25, angle[0] * 0, angle[0] * 0], 1), seed + 4, 2)
    y = y + ends[None, :] * fall**3 + tips[None, :] * fall**6
    points = np.stack([x, y * np.ones_like(x), z], -1).reshape(-1, 3) * scale
    uv = np.stack(np.broadcast_arrays(angle / (2 * np.pi) + 0.5, (14.6 - y) / 50.0), -1).reshape(-1, 2)
    weight = 1 - 0.8 * smoothstep(-5.0, -18.0, points[:, 1])
    return hair_part(points, grid_faces(rows, columns), np.clip(uv, 0, 1), weight)


def locks(
    rng: Rng, scale: Array, thickness: float, count: int, lowest: float, spread: float, sweep: float | None = None
) -> Part:
    """Tapered locks that fall from the crown over the forehead and the temples.

    lowest: lowest end of the locks, y in cm. spread: largest angle from the middle of the forehead. sweep: how far they
    are combed aside from a parting, radians, None = random, often 0.
    """
    rows = 10
    parting = rng.normal(0, 0.3)
    random_sweep = rng.uniform(0.2, 0.9) if rng.random() < 0.5 else 0.0
    sweep = random_sweep if sweep is None else sweep
    vertices, faces, uvs = [], [], []
    for n in range(count):
        start = rng.uniform(-spread, spread)
        lean = rng.normal(0, 0.15) + (0.25 * rng.random() + sweep) * np.sign(start - parting)
        along = np.linspace(0, 1, rows)
        end = rng.uniform(lowest, lowest + 2.5) - max(0.0, abs(start) - 0.8) * rng.uniform(0, 8)
        y = 13.0 + (end - 13.0) * along**1.4
        angle = start + lean * along**2
        crown_height = np.clip((y - 3.5) / (10.8 + thickness), -0.4, 1)
        ring = np.sqrt(1 - np.maximum(crown_height, 0) ** 2)
        distance = thickness * (0.55 + 0.5 * np.sin(np.pi * np.minimum(along * 0.8 + 0.1, 1))) + rng.uniform(0, 0.5)
        radius_x, radius_z = 7.6 + distance, 10.0 + distance
        middle = np.stack([radius_x * ring * np.sin(angle), y, 0.2 + radius_z * ring * np.cos(angle)], 1)
        half_width = rng.uniform(0.6, 2.0) * np.sin(np.pi * (0.15 + 0.85 * along)) ** 0.7 * (1 - 0.3 * along)
        side = np.stack([np.cos(angle), np.zeros(rows), -np.sin(angle)], 1)
        outward = np.stack([np.sin(angle), np.zeros(rows), np.cos(angle)], 1)
        wide = half_width[:, None]
        strip = np.stack([middle - side * wide, middle + outward * 0.35 * wide, middle + side * wide], 1)
        vertices.append(strip.reshape(-1, 3))
        faces.append(grid_faces(rows, 3) + n * rows * 3)
        u = 0.5 + (angle[:, None] + np.array([-1, 0, 1]) * half_width[:, None] / 9) / (2 * np.pi)
        v = np.broadcast_to((14.6 - y)[:, None] / 50, (rows, 3))
        uvs.append(np.stack([np.clip(u, 0, 1), np.clip(v, 0, 1)], -1).reshape(-1, 2))
    points = np.concatenate(vertices) * scale
    return hair_part(points, np.concatenate(faces), np.concatenate(uvs), np.ones(len(points), np.float32))


def strands(rng: Rng, scale: Array, thickness: float, length: float, reach: float, count: int) -> Part:
    """Long separate strands that fall from the crown around the back and the sides; arguments as for `curtain`."""
    rows = 14
    fall = np.linspace(0, 1, rows)[None, :]
    angle = rng.uniform(-reach, reach, (count, 1)) + rng.normal(0, 0.12, (count, 1)) * fall
    distance = thickness * rng.uniform(0.5, 1.2, (count, 1))
    ends = length * rng.uniform(0.55, 1.0, (count, 1))
    y = 13.0 + distance - fall**0.85 * (13.0 + distance + ends)
    roundness = np.sqrt(np.clip(1 - np.clip((y - 3.0) / (11.0 + distance), 0, 1) ** 2, 0, 1))
    curl = rng.uniform(0, 0.9) * np.sin(fall * rng.uniform(3, 22) + rng.uniform(0, 6.28, (count, 1)))
    loose = smoothstep(0.2, 0.7, np.broadcast_to(fall, (count, rows)))
    x = ((8.0 + distance) * roundness + curl * loose) * np.sin(angle)
    z = -0.6 - ((8.6 + distance) * roundness + curl * loose) * np.cos(angle) * np.where(np.cos(angle) > 0, 1.0, 0.75)
    low = smoothstep(-9.0, -17.0, y)
    front = np.abs(angle) > 1.6
    z = np.where(front, np.maximum(z, z * (1 - low) + 7.5 * low), np.minimum(z, z * (1 - low) - 11.0 * low))
    half_width = rng.uniform(0.3, 1.6, (count, 1)) * np.sin(np.pi * (0.2 + 0.8 * fall)) ** 0.6
    side = np.stack([-np.cos(angle), np.zeros_like(angle), np.sin(angle)], -1)
    middle = np.stack([x, y, z], -1)
    outward = np.stack([np.sin(angle), np.zeros_like(angle), -np.cos(angle)], -1)
    strip = np.stack([middle - side * half_width[..., None], middle + 0.4 * outward * half_width[..., None],
                      middle + side * half_width[..., None]], 2)  # fmt: skip
    points = strip.reshape(-1, 3) * scale
    faces = (grid_faces(rows, 3)[None] + (np.arange(count) * rows * 3)[:, None, None]).reshape(-1, 3)
    u = angle[..., None] / (2 * np.pi) + 0.5 + np.array([-1, 0, 1]) * half_width[..., None] / 50
    v = np.broadcast_to((14.6 - y)[..., None] / 50, (count, rows, 3))
    uv = np.clip(np.stack([u, v], -1).reshape(-1, 2), 0, 1)
    weight = 1 - 0.8 * smoothstep(-5.0, -18.0, points[:, 1])
    return Part(
        points.astype(np.float32), faces.astype(np.int32), uv.astype(np.float32), "hair", HEAD, Material.HAIR, weight
    )


def spikes(rng: Rng, base: Array, vertices: Array, normal: Array, rise: float, count: int) -> Part:
    """Cones of hair that stand off the scalp, combed in one direction; arguments as for `cap`."""
    scalp = np.flatnonzero((hairline(base, rise) > 0.6) & (np.arange(len(base)) < len(normal)))
    roots = rng.choice(scalp, count)
    sides = 6
    comb = np.array([rng.normal(0, 0.5), rng.uniform(-0.7, 0.6), rng.uniform(-0.8, 0.5)])
    length = rng.uniform(1.5, 7.0) * rng.uniform(0.6, 1.3, (count, 1))
    droop = rng.uniform(-0.6, 0.2)
    direction = normal[roots] + comb + rng.normal(0, 0.15, (count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-6
    tip = vertices[roots] + direction * length + np.array([0, droop, 0]) * length
    along = np.array([0.0, 0.5, 1.0])[None, :, None]
    line = vertices[roots][:, None] - 0.3 * normal[roots][:, None]
    bend = normal[roots][:, None] * (0.25 * length[:, None] * np.sin(np.pi * along))
    line = line + (tip[:, None] - line) * along + bend
    helper = np.cross(direction, np.array([0.3, 1.0, 0.2]))
    helper /= np.linalg.norm(helper, axis=1, keepdims=True) + 1e-6
    other = np.cross(direction, helper)
    around = np.linspace(0, 2 * np.pi, sides + 1)
    ring = np.cos(around)[:, None] * helper[:, None] + np.sin(around)[:, None] * other[:, None]  # (count, sides + 1, 3)
    radii = rng.uniform(0.7, 1.7) * np.array([1.0, 0.8, 0.02])
    points = (line[:, :, None] + ring[:, None] * radii[None, :, None, None]).reshape(-1, 3)
    faces = (grid_faces(3, sides + 1)[None] + (np.arange(count) * 3 * (sides + 1))[:, None, None]).reshape(-1, 3)
    angle = np.arctan2(base[roots, 0], base[roots, 2]) / (2 * np.pi) + 0.5
    u = angle[:, None, None] + 0.02 * np.sin(around)[None, None] + 0 * along
    v = np.clip(0.02 + 0.3 * along + 0 * around[None, None] + 0 * u, 0, 1)
    uv = np.stack([np.clip(u, 0, 1), v], -1).reshape(-1, 2)
    return hair_part(points, faces, uv, np.ones(len(points), np.float32))


def tied_hair(rng: Rng, scale: Array, thickness: float, kind: str) -> Part:
    """Tied hair: one or two buns on the crown or the back of the head, or one or two ponytails. kind: bun or tail."""
    two = rng.random() < 0.35
    pieces = []
    seed = int(rng.integers(1 << 20))
    if kind == "bun":
        top = rng.uniform(0, 1)
        centre = np.array([0.0, 5.0 + 9.5 * top + thickness, -10.0 + 7.0 * top])
        centre[0] = rng.uniform(4.0, 6.0) if two else 0.0
        points, faces = sphere(13, 19)
        size = rng.uniform(2.2, 4.2) * (0.7 if two else 1)
        swirl = value_noise(points * np.array([1.5, 4, 1.5], np.float32), seed, 3)[:, None]
        points = points * size * np.array([1, rng.uniform(0.7, 1), 1]) * (1 + 0.15 * swirl)
        pieces = [(points + centre * [sign, 1, 1], faces) for sign in ((1, -1) if two else (1,))]
    else:
        high = rng.uniform(0, 1)
        start = np.array([rng.uniform(6.5, 7.5) if two else 0.0, 3 + 7 * high, -3.0 if two else -10 + 2 * high])
        length, away = rng.uniform(8, 34), rng.uniform(2, 6)
        t = np.linspace(0, 1, 18)
        sway = rng.uniform(0, 1.2) * np.sin(t * rng.uniform(2, 9))
        drop = -length * t**1.4 + 2.5 * np.sin(np.pi * np.minimum(t * 2.5, 1))
        side = np.stack([(1.5 + away) * np.sqrt(t), drop, 0.4 * t + sway], 1)
        back = np.stack([sway + rng.uniform(-6, 6) * t**2, drop, -away * np.sqrt(t) - 2 * t], 1)
        radius = rng.uniform(1.3, 3.2) * np.interp(t, [0, 0.06, 0.3, 0.75, 1], [0.6, 0.5, 1.0, 0.8, 0.05])
        line = start + (side if two else back)
        for sign in (1, -1) if two else (1,):
            pieces.append(tube(line * [sign, 1, 1], radius, 11))
    points, faces = merge_meshes(pieces)
    points = points * scale
    angle = np.arctan2(points[:, 0], points[:, 2]) / (2 * np.pi) + 0.5
    uv = np.clip(np.stack([angle, (14.6 - points[:, 1]) / 50], 1), 0, 1)
    weight = 1 - 0.6 * smoothstep(-5.0, -25.0, points[:, 1])
    return hair_part(points, faces, uv, weight)
