"""What is worn on the head: spectacles, earrings, hats, hoods. Units: cm, the face model's axes."""

from __future__ import annotations

import numpy as np

from training.render.arrays import Array, Ints
from training.render.character.noise import Rng, value_noise
from training.render.character.parts import HEAD, Part, ball, grid, head_weight, joined, smooth, tube

HATS = ("beanie", "visor", "brim", "hood", "scarf", "ears")


def _worn(points: Array, faces: Ints, tile: str, material: int, weight: Array | None = None) -> Part:
    """A part that stays with the head; its uv goes around the head and down."""
    angle = np.arctan2(points[:, 0], points[:, 2]) / (2 * np.pi) + 0.5
    uv = np.clip(np.stack([angle, (18.0 - points[:, 1]) / 40.0], 1), 0, 1)
    weight = np.ones(len(points), np.float32) if weight is None else weight
    return Part(points.astype(np.float32), faces.astype(np.int32), uv.astype(np.float32), tile, HEAD, material, weight)


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
        pieces.append(tube(np.stack([x, y, np.full(32, front) - 0.02 * x**2], 1), thick))
        sign = np.sign(eye[0])
        hinge = np.array([eye[0] + sign * wide, eye[1] + 0.3, front - 0.02 * (eye[0] + sign * wide) ** 2])
        back = np.array([sign * (abs(ear[0]) - 0.3), eye[1] + 0.2, ear[2]])
        pieces.append(tube(np.linspace(hinge, back, 8), thick * 0.8))
    inner = np.abs(eyes[:, 0]).min() - wide
    bridge = np.linspace(-inner, inner, 8)
    top = eyes[:, 1].mean() + 0.2 + 0.4 * (1 - (bridge / (abs(inner) + 1e-6)) ** 2)
    pieces.append(tube(np.stack([bridge, top, np.full(8, front)], 1), thick))
    return _worn(*joined(pieces), "glasses", 4)


def earrings(rng: Rng, lobes: Array) -> Part:
    """Studs, rings or drops at the ear lobes (2, 3); now and then in one ear only."""
    kind = rng.choice(["stud", "ring", "drop"])
    size = rng.uniform(0.25, 0.5) if kind == "stud" else rng.uniform(0.5, 1.8)
    turn = np.linspace(0, 2 * np.pi, 17)
    pieces = []
    for lobe in lobes if rng.random() < 0.9 else lobes[:1]:
        out = np.array([np.sign(lobe[0]) * 0.15, 0.25, 0.0])
        points, faces = ball()
        if kind == "stud":
            pieces.append((points * size + lobe + out, faces))
        elif kind == "ring":
            circle = np.stack([0.3 * np.sin(turn) * np.sign(lobe[0]), np.cos(turn) - 1, np.sin(turn)], 1) * size
            pieces.append(tube(circle + lobe + out, 0.1 + 0.06 * size))
        else:
            stretch = np.array([0.45, 1.0, 0.45]) * size
            pieces.append((points * stretch + lobe + out - np.array([0, size + 0.3, 0]), faces))
            pieces.append(tube(np.linspace(lobe + out, lobe + out - [0, 0.6, 0], 4), 0.08))
    return _worn(*joined(pieces), "jewel", 4)


def _shell(
    rng: Rng,
    base: Array,
    vertices: Array,
    normal: Array,
    faces: Ints,
    edge: tuple[float, float],
    room: float,
    rolled: bool,
) -> tuple[Array, Ints]:
    """The scalp above a slanting edge (its heights in front and at the back), moved `room` cm outwards; rolled: with a
    cuff.
    """
    edge_y = np.interp(base[:, 2], [-9.0, 10.0], [edge[1], edge[0]])
    field = base[:, 1] - edge_y
    keep = (field > -1.0)[faces].all(1)
    used, index = np.unique(faces[keep], return_inverse=True)
    points = vertices + normal * room
    # What lies a little below the edge is drawn up to it: the edge is a line and not a saw.
    points[:, 1] -= np.minimum(field, 0)
    cuff = rng.uniform(1.5, 4.0)
    if rolled:
        points += normal * (0.5 * smooth(cuff + 0.15, cuff - 0.15, field))[:, None]
    knit = value_noise(base * np.array([2.0, 0.4, 2.0], np.float32), int(rng.integers(1 << 20)), 2)
    points += normal * (rng.uniform(0, 0.2) * knit)[:, None]
    return points[used], index.reshape(-1, 3)


def hat(
    rng: Rng, kind: str, base: Array, vertices: Array, normal: Array, faces: Ints, scale: Array, thick: float
) -> Part:
    """A hat of one of HATS over hair that is `thick` cm deep; the other arguments as for `hair.cap`."""
    room = 0.45 + 1.1 * thick
    front, back = rng.uniform(6.8, 9.0), rng.uniform(-1.0, 5.0)
    if kind in ("beanie", "visor"):
        points, shell = _shell(rng, base, vertices, normal, faces, (front, back), room,
                               rolled=kind == "beanie" and rng.random() < 0.6)  # fmt: skip
        top = smooth(10.0, 16.0, points[:, 1])
        slouch = rng.uniform(0, 1.5 if kind == "beanie" else 0.3)
        points[:, 1] += top * (slouch + rng.uniform(0, 2.5 if kind == "beanie" else 0.7))
        points[:, 2] -= top * slouch
        pieces = [(points, shell)]
        if kind == "visor":
            pieces.append(_visor(rng, points, front if rng.random() < 0.8 else None))
        elif rng.random() < 0.35:
            pom, pom_faces = ball(11, 15)
            pom = pom * rng.uniform(1.3, 2.6) * (1 + 0.25 * value_noise(pom * 4, 7, 2))[:, None]
            pieces.append((pom + points[points[:, 1].argmax()], pom_faces))
        return _worn(*joined(pieces), "hat", 6)
    if kind == "brim":
        return _worn(*_brim(rng, scale, room, front), "hat", 6)
    if kind == "ears":
        return _worn(*_animal_ears(rng, scale, thick), "hat", 6)
    points, shell = _hood(rng, scale, room, tight=kind == "scarf")
    return _worn(points, shell, "hat", 6, head_weight(points))


def _visor(rng: Rng, crown: Array, front: float | None) -> tuple[Array, Ints]:
    """The peak of a cap in front, or at the back where `front` is None."""
    ahead = 1.0 if front is not None else -1.0
    rows, columns = 6, 17
    angle = np.linspace(-1.15, 1.15, columns)[None, :]
    out = np.linspace(-0.15, 1, rows)[:, None]
    band = crown[np.abs(crown[:, 1] - (front if front is not None else crown[:, 1].min() + 1)) < 1.5]
    half = np.abs(band[:, 0]).max()
    start = (ahead * band[:, 2]).max()
    long = rng.uniform(4.5, 8.0) * np.cos(angle * 1.1) ** 0.6
    x = half * np.sin(angle) * (1 - 0.1 * out) * 0.98
    z = start - (start + 1.0) * (1 - np.cos(angle)) + out * long - 0.2
    y = (front if front is not None else band[:, 1].mean()) + 0.3 - out * rng.uniform(0, 3) - 1.4 * np.sin(angle) ** 2
    y = y * np.ones_like(x)
    return np.stack([x, y, ahead * z], -1).reshape(-1, 3), grid(rows, columns)


def _brim(rng: Rng, scale: Array, room: float, front: float) -> tuple[Array, Ints]:
    """A hat turned on a lathe: brim, crown, top."""
    wide, droop = rng.uniform(2.0, 10.0), rng.uniform(-2.0, 3.0)
    tall = rng.uniform(7.5, 13.0)
    taper = rng.uniform(0.75, 1.05)
    profile = np.array([
        [1 + wide / 9, -droop], [1 + wide / 18, -0.3 * droop], [1.0, 0], [1.0, 0.05], [1.0, 0.3 * tall],
        [0.5 + 0.5 * taper, 0.8 * tall], [0.92 * taper, 0.97 * tall], [0.6 * taper, tall],
        [0.0, tall - rng.uniform(0, 1.5)],
    ])  # fmt: skip
    turn = np.linspace(0, 2 * np.pi, 41)[None, :]
    radius = profile[:, :1]
    x = (7.9 * scale[0] + room) * radius * np.sin(turn)
    z = -0.3 + (9.9 * scale[2] + room) * radius * np.cos(turn)
    outside = np.clip(radius - 1, 0, None)
    y = profile[:, 1:] + outside * rng.uniform(0, 3) * np.abs(np.sin(turn)) ** 2
    tilt = rng.uniform(-0.02, 0.16)
    y = front * scale[1] - 1.6 + y + tilt * z
    return np.stack([x, y, z], -1).reshape(-1, 3), grid(len(profile), 41)


def _animal_ears(rng: Rng, scale: Array, thick: float) -> tuple[Array, Ints]:
    """Two ears, or horns, on the crown."""
    tall, wide = rng.uniform(3, 12), rng.uniform(1.2, 3.2)
    t = np.linspace(0, 1, 9)
    bend = rng.uniform(-2, 3)
    line = np.stack([4.8 + 1.5 * t + bend * t**2, 11.0 + (tall + thick + 1) * t, 0.5 - 1.5 * t**2], 1)
    radius = wide * np.interp(t, [0, 0.5, 1], [1, rng.uniform(0.5, 1.1), 0.03])
    points, faces = tube(line, radius, 12)
    flat = (points - np.repeat(line, 13, 0)) * [1, 1, rng.uniform(0.3, 1)] + np.repeat(line, 13, 0)
    return joined([(flat * scale, faces), (flat * scale * [-1, 1, 1], faces)])


def _hood(rng: Rng, scale: Array, room: float, tight: bool) -> tuple[Array, Ints]:
    """Arches from the opening around the face to the back of the head, their ends on the shoulders."""
    rows, columns = 22, 41
    loose = 0.7 if tight else rng.uniform(0.8, 3.5)
    opening = rng.uniform(3.5, 7.5) if tight else rng.uniform(3, 10)
    back = np.linspace(0, 1, rows)[:, None]  # from the opening to the back
    arch = np.linspace(-1, 1, columns)[None, :]
    z = opening - back * (opening + 10.2 + room + loose)
    depth = np.clip((z + 1.0) / -(9.2 + room + loose), 0, 1)
    round_ = np.sqrt(np.clip(1 - depth**2.4, 0, 1))
    rim = 1 - 0.05 * smooth(0.1, 0.0, back * np.ones_like(arch))
    angle = np.clip(np.abs(arch) / 0.6, 0, 1) * (np.pi / 2) * np.sign(arch)
    below = np.clip((np.abs(arch) - 0.6) / 0.4, 0, 1)
    half = 8.3 + room + loose
    x = half * np.sin(angle) * round_ * rim * (1 - 0.25 * np.sin(np.pi * below)) + np.sign(arch) * 4 * below**2
    top = 3.0 + (11.4 + room + loose) * np.cos(angle) * round_ * rim
    y = np.where(below > 0, 3.0 - below * ((12.0 if tight else 17.5) + 2 * back), top)
    z = z + np.zeros_like(arch) - below * (2.0 * (1 - back) + 2)
    if tight:
        # A scarf closes under the chin.
        x = x * (1 - 0.55 * smooth(0.3, 0.8, below * np.ones_like(z)) * (1 - back))
        z = z + 3.0 * smooth(0.3, 1.0, below * np.ones_like(z)) * (1 - back)
    folds = value_noise(np.stack([arch * 6 + 0 * z, z * 0.25, 0 * z], -1).reshape(-1, 3), int(rng.integers(99)), 3)
    swell = 1 + rng.uniform(0, 0.05) * folds.reshape(rows, columns)
    return np.stack([x * swell, y, z], -1).reshape(-1, 3) * scale, grid(rows, columns)
