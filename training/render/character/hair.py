"""Hair: caps, long curtains, locks, strands, buns and tails, and beards. Units: cm, the face model's axes."""

from __future__ import annotations

import numpy as np

from training.render.arrays import Array, Ints
from training.render.character.noise import Rng, value_noise
from training.render.character.parts import HEAD, Part, ball, grid, joined, smooth, tube


def hairline(points: Array, rise: float) -> Array:
    """Signed height (N,) in cm over the hairline of points on the mean head: > 0 is scalp. `rise` lifts its front."""
    z = np.array([-9.0, -4.0, -1.0, 1.5, 4.0, 7.0, 9.0, 11.0])
    y = np.array([-6.0, -5.0, -2.5, 2.5, 6.5, 8.0 + rise, 8.8 + rise, 9.2 + rise])
    field = points[:, 1] - np.interp(points[:, 2], z, y)
    ear = (np.abs(points[:, 0]) > 7.3) & (points[:, 1] < 5.2) & (points[:, 1] > -4) & (points[:, 2] > -4.5)
    ear |= (np.abs(points[:, 0]) > 5.5) & (np.abs(points[:, 1]) < 4) & (np.abs(points[:, 2]) < 2.5)  # and its inside
    return np.where(ear, np.minimum(field, -0.6), field).astype(np.float32)


def cap(rng: Rng, base: Array, vertices: Array, normal: Array, faces: Ints, thick: float, rise: float) -> Part:
    """A hair shell: the scalp moved outwards; at the hairline it dives under the skin, which makes the edge.

    base (V, 3) mean head, vertices (V, 3) this head with normals (V, 3), faces (F, 3) its skin triangles.
    """
    seed = int(rng.integers(1 << 20))
    field = hairline(base, rise) + 0.5 * value_noise(base * 0.8, seed, 3) * rng.uniform(0, 2)
    height = thick * smooth(-0.2, 3.0, field) * (0.7 + 0.3 * smooth(2, 12, base[:, 1])) - 0.25 * (field < 0.25)
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
    round_ = np.sqrt(np.clip(1 - up**2, 0, 1)) + flare * 0.1 * smooth(0.3, 1.0, fall)
    wave_noise = value_noise(
        np.stack([np.broadcast_to(angle * 4, (rows, columns)), np.broadcast_to(fall * 3, (rows, columns)),
                  np.zeros((rows, columns))], -1).reshape(-1, 3), seed, 3,
    ).reshape(rows, columns)  # fmt: skip
    wave = rng.uniform(0, 0.5) * np.sin(fall * rng.uniform(4, 14) + angle * 3) + rng.uniform(0.2, 1.5) * wave_noise
    rx = (8.0 + thick) * round_ + wave * smooth(0.2, 0.6, fall)
    rz = (8.6 + thick) * round_ + wave * smooth(0.2, 0.6, fall)
    x = rx * np.sin(angle)
    z = -0.6 - rz * np.cos(angle) * np.where(np.cos(angle) > 0, 1.0, 0.75)
    low = smooth(-9.0, -17.0, y * np.ones_like(x))
    front = np.abs(angle) > rng.uniform(1.3, 1.9)
    z = np.where(front, np.maximum(z, z * (1 - low) + 7.5 * low), np.minimum(z, z * (1 - low) - 11.0 * low))
    ends = rng.uniform(0, 3) * value_noise(np.stack([angle[0] * 6, angle[0] * 0, angle[0] * 0], 1), seed + 3, 3)
    tips = rng.uniform(0.3, 4) * value_noise(np.stack([angle[0] * 25, angle[0] * 0, angle[0] * 0], 1), seed + 4, 2)
    y = y + ends[None, :] * fall**3 + tips[None, :] * fall**6
    points = np.stack([x, y * np.ones_like(x), z], -1).reshape(-1, 3) * scale
    uv = np.stack(np.broadcast_arrays(angle / (2 * np.pi) + 0.5, (14.6 - y) / 50.0), -1).reshape(-1, 2)
    weight = 1 - 0.8 * smooth(-5.0, -18.0, points[:, 1])
    return Part(
        points.astype(np.float32), grid(rows, columns), np.clip(uv, 0, 1).astype(np.float32), "hair", HEAD, 3, weight,
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
        faces.append(grid(rows, 3) + n * rows * 3)
        u = 0.5 + (angle[:, None] + np.array([-1, 0, 1]) * wide[:, None] / 9) / (2 * np.pi)
        v = np.broadcast_to((14.6 - y)[:, None] / 50, (rows, 3))
        uvs.append(np.stack([np.clip(u, 0, 1), np.clip(v, 0, 1)], -1).reshape(-1, 2))
    points = np.concatenate(vertices) * scale
    return Part(
        points.astype(np.float32), np.concatenate(faces).astype(np.int32), np.concatenate(uvs).astype(np.float32),
        "hair", HEAD, 3, np.ones(len(points), np.float32),
    )  # fmt: skip


def strands(rng: Rng, scale: Array, thick: float, length: float, reach: float, count: int) -> Part:
    """Long separate strands that fall from the crown around the back and the sides; arguments as for `curtain`."""
    rows = 14
    fall = np.linspace(0, 1, rows)[None, :]
    angle = rng.uniform(-reach, reach, (count, 1)) + rng.normal(0, 0.12, (count, 1)) * fall
    out = thick * rng.uniform(0.5, 1.2, (count, 1))
    ends = length * rng.uniform(0.55, 1.0, (count, 1))
    y = 13.0 + out - fall**0.85 * (13.0 + out + ends)
    round_ = np.sqrt(np.clip(1 - np.clip((y - 3.0) / (11.0 + out), 0, 1) ** 2, 0, 1))
    curl = rng.uniform(0, 0.9) * np.sin(fall * rng.uniform(3, 22) + rng.uniform(0, 6.28, (count, 1)))
    loose = smooth(0.2, 0.7, np.broadcast_to(fall, (count, rows)))
    x = ((8.0 + out) * round_ + curl * loose) * np.sin(angle)
    z = -0.6 - ((8.6 + out) * round_ + curl * loose) * np.cos(angle) * np.where(np.cos(angle) > 0, 1.0, 0.75)
    low = smooth(-9.0, -17.0, y)
    front = np.abs(angle) > 1.6
    z = np.where(front, np.maximum(z, z * (1 - low) + 7.5 * low), np.minimum(z, z * (1 - low) - 11.0 * low))
    wide = rng.uniform(0.3, 1.6, (count, 1)) * np.sin(np.pi * (0.2 + 0.8 * fall)) ** 0.6
    side = np.stack([-np.cos(angle), np.zeros_like(angle), np.sin(angle)], -1)
    middle = np.stack([x, y, z], -1)
    face = np.stack([np.sin(angle), np.zeros_like(angle), -np.cos(angle)], -1)
    strip = np.stack([middle - side * wide[..., None], middle + 0.4 * face * wide[..., None],
                      middle + side * wide[..., None]], 2)  # fmt: skip
    points = strip.reshape(-1, 3) * scale
    faces = (grid(rows, 3)[None] + (np.arange(count) * rows * 3)[:, None, None]).reshape(-1, 3)
    u = angle[..., None] / (2 * np.pi) + 0.5 + np.array([-1, 0, 1]) * wide[..., None] / 50
    v = np.broadcast_to((14.6 - y)[..., None] / 50, (count, rows, 3))
    uv = np.clip(np.stack([u, v], -1).reshape(-1, 2), 0, 1)
    weight = 1 - 0.8 * smooth(-5.0, -18.0, points[:, 1])
    return Part(points.astype(np.float32), faces.astype(np.int32), uv.astype(np.float32), "hair", HEAD, 3, weight)


def spikes(rng: Rng, base: Array, vertices: Array, normal: Array, rise: float, count: int) -> Part:
    """Cones of hair that stand off the scalp, combed one way; arguments as for `cap`."""
    scalp = np.flatnonzero((hairline(base, rise) > 0.6) & (np.arange(len(base)) < len(normal)))
    roots = rng.choice(scalp, count)
    sides = 6
    comb = np.array([rng.normal(0, 0.5), rng.uniform(-0.7, 0.6), rng.uniform(-0.8, 0.5)])
    long = rng.uniform(1.5, 7.0) * rng.uniform(0.6, 1.3, (count, 1))
    droop = rng.uniform(-0.6, 0.2)
    way = normal[roots] + comb + rng.normal(0, 0.15, (count, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True) + 1e-6
    tip = vertices[roots] + way * long + np.array([0, droop, 0]) * long
    along = np.array([0.0, 0.5, 1.0])[None, :, None]
    line = vertices[roots][:, None] - 0.3 * normal[roots][:, None]
    arch = normal[roots][:, None] * (0.25 * long[:, None] * np.sin(np.pi * along))
    line = line + (tip[:, None] - line) * along + arch
    helper = np.cross(way, np.array([0.3, 1.0, 0.2]))
    helper /= np.linalg.norm(helper, axis=1, keepdims=True) + 1e-6
    other = np.cross(way, helper)
    turn = np.linspace(0, 2 * np.pi, sides + 1)
    ring = np.cos(turn)[:, None] * helper[:, None] + np.sin(turn)[:, None] * other[:, None]  # (count, sides + 1, 3)
    wide = rng.uniform(0.7, 1.7) * np.array([1.0, 0.8, 0.02])
    points = (line[:, :, None] + ring[:, None] * wide[None, :, None, None]).reshape(-1, 3)
    faces = (grid(3, sides + 1)[None] + (np.arange(count) * 3 * (sides + 1))[:, None, None]).reshape(-1, 3)
    angle = np.arctan2(base[roots, 0], base[roots, 2]) / (2 * np.pi) + 0.5
    u = angle[:, None, None] + 0.02 * np.sin(turn)[None, None] + 0 * along
    v = np.clip(0.02 + 0.3 * along + 0 * turn[None, None] + 0 * u, 0, 1)
    uv = np.stack([np.clip(u, 0, 1), v], -1).reshape(-1, 2)
    return Part(points.astype(np.float32), faces.astype(np.int32), uv.astype(np.float32), "hair", HEAD, 3,
                np.ones(len(points), np.float32))  # fmt: skip


def gathered(rng: Rng, scale: Array, thick: float, kind: str) -> Part:
    """Hair that is tied: a `bun` (sometimes two) on the crown or the back of the head, a pony`tail` or two of them."""
    twin = rng.random() < 0.35
    pieces = []
    seed = int(rng.integers(1 << 20))
    if kind == "bun":
        top = rng.uniform(0, 1)
        centre = np.array([0.0, 5.0 + 9.5 * top + thick, -10.0 + 7.0 * top])
        centre[0] = rng.uniform(4.0, 6.0) if twin else 0.0
        points, faces = ball(13, 19)
        size = rng.uniform(2.2, 4.2) * (0.7 if twin else 1)
        swirl = value_noise(points * np.array([1.5, 4, 1.5], np.float32), seed, 3)[:, None]
        points = points * size * np.array([1, rng.uniform(0.7, 1), 1]) * (1 + 0.15 * swirl)
        pieces = [(points + centre * [sign, 1, 1], faces) for sign in ((1, -1) if twin else (1,))]
    else:
        high = rng.uniform(0, 1)
        start = np.array([rng.uniform(6.5, 7.5) if twin else 0.0, 3 + 7 * high, -3.0 if twin else -10 + 2 * high])
        long, away = rng.uniform(8, 34), rng.uniform(2, 6)
        t = np.linspace(0, 1, 18)
        sway = rng.uniform(0, 1.2) * np.sin(t * rng.uniform(2, 9))
        drop = -long * t**1.4 + 2.5 * np.sin(np.pi * np.minimum(t * 2.5, 1))
        side = np.stack([(1.5 + away) * np.sqrt(t), drop, 0.4 * t + sway], 1)
        back = np.stack([sway + rng.uniform(-6, 6) * t**2, drop, -away * np.sqrt(t) - 2 * t], 1)
        radius = rng.uniform(1.3, 3.2) * np.interp(t, [0, 0.06, 0.3, 0.75, 1], [0.6, 0.5, 1.0, 0.8, 0.05])
        line = start + (side if twin else back)
        for sign in (1, -1) if twin else (1,):
            pieces.append(tube(line * [sign, 1, 1], radius, 11))
    points, faces = joined(pieces)
    points = points * scale
    angle = np.arctan2(points[:, 0], points[:, 2]) / (2 * np.pi) + 0.5
    uv = np.clip(np.stack([angle, (14.6 - points[:, 1]) / 50], 1), 0, 1)
    weight = 1 - 0.6 * smooth(-5.0, -25.0, points[:, 1])
    return Part(points.astype(np.float32), faces, uv.astype(np.float32), "hair", HEAD, 3, weight)
