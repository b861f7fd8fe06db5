"""Meshes worn on the head: glasses, earrings, hats, hoods. Units: cm, the axes of the face model."""

from __future__ import annotations

import numpy as np

from training.render.arrays import Array, Ints
from training.render.character.noise import Rng, value_noise
from training.render.character.parts import (
    HEAD,
    Material,
    Part,
    grid_faces,
    head_weight,
    merge_meshes,
    smoothstep,
    sphere,
    tube,
)

HATS = ("beanie", "visor", "brim", "hood", "scarf", "ears")


def _head_part(points: Array, faces: Ints, tile: str, material: Material, weight: Array | None = None) -> Part:
    """A part that moves with the head; its uv runs around the head and down."""
    angle = np.arctan2(points[:, 0], points[:, 2]) / (2 * np.pi) + 0.5
    uv = np.clip(np.stack([angle, (18.0 - points[:, 1]) / 40.0], 1), 0, 1)
    weight = np.ones(len(points), np.float32) if weight is None else weight
    return Part(points.astype(np.float32), faces.astype(np.int32), uv.astype(np.float32), tile, HEAD, material, weight)


def glasses(rng: Rng, eyes: Array, ear: Array) -> Part:
    """Rims, bridge and temples of glasses. eyes (2, 3): centres of right and left. ear (3,): the left one."""
    thickness = rng.uniform(0.1, 0.3)
    half_width, half_height, squareness = rng.uniform(2.1, 2.9), rng.uniform(1.5, 2.3), rng.uniform(2.0, 4.5)
    angle = np.linspace(0, 2 * np.pi, 32)
    cosine, sine = np.cos(angle), np.sin(angle)
    front = max(eyes[:, 2]) + rng.uniform(2.3, 2.9)
    pieces = []
    for eye in eyes:
        x = eye[0] + half_width * np.sign(cosine) * np.abs(cosine) ** (2 / squareness)
        y = eye[1] - 0.3 + half_height * np.sign(sine) * np.abs(sine) ** (2 / squareness)
        pieces.append(tube(np.stack([x, y, np.full(32, front) - 0.02 * x**2], 1), thickness))
        sign = np.sign(eye[0])
        hinge = np.array([eye[0] + sign * half_width, eye[1] + 0.3, front - 0.02 * (eye[0] + sign * half_width) ** 2])
        back = np.array([sign * (abs(ear[0]) - 0.3), eye[1] + 0.2, ear[2]])
        pieces.append(tube(np.linspace(hinge, back, 8), thickness * 0.8))
    inner = np.abs(eyes[:, 0]).min() - half_width
    bridge = np.linspace(-inner, inner, 8)
    top = eyes[:, 1].mean() + 0.2 + 0.4 * (1 - (bridge / (abs(inner) + 1e-6)) ** 2)
    pieces.append(tube(np.stack([bridge, top, np.full(8, front)], 1), thickness))
    return _head_part(*merge_meshes(pieces), "glasses", Material.ACCESSORY)


def earrings(rng: Rng, lobes: Array) -> Part:
    """Studs, rings or drops at the ear lobes (2, 3), sometimes in one ear only."""
    kind = rng.choice(["stud", "ring", "drop"])
    size = rng.uniform(0.25, 0.5) if kind == "stud" else rng.uniform(0.5, 1.8)
    angle = np.linspace(0, 2 * np.pi, 17)
    pieces = []
    for lobe in lobes if rng.random() < 0.9 else lobes[:1]:
        offset = np.array([np.sign(lobe[0]) * 0.15, 0.25, 0.0])
        points, faces = sphere()
        if kind == "stud":
            pieces.append((points * size + lobe + offset, faces))
        elif kind == "ring":
            circle = np.stack([0.3 * np.sin(angle) * np.sign(lobe[0]), np.cos(angle) - 1, np.sin(angle)], 1) * size
            pieces.append(tube(circle + lobe + offset, 0.1 + 0.06 * size))
        else:
            stretch = np.array([0.45, 1.0, 0.45]) * size
            pieces.append((points * stretch + lobe + offset - np.array([0, size + 0.3, 0]), faces))
            pieces.append(tube(np.linspace(lobe + offset, lobe + offset - [0, 0.6, 0], 4), 0.08))
    return _head_part(*merge_meshes(pieces), "jewel", Material.ACCESSORY)


def _shell(
    rng: Rng,
    base: Array,
    vertices: Array,
    normal: Array,
    faces: Ints,
    edge: tuple[float, float],
    clearance: float,
    rolled: bool,
) -> tuple[Array, Ints]:
    """The scalp above a slanting edge, moved outwards by `clearance` cm: vertices and triangles.

    edge: its heights in front and at the back, cm. rolled: with a cuff.
    """
    edge_y = np.interp(base[:, 2], [-9.0, 10.0], [edge[1], edge[0]])
    field = base[:, 1] - edge_y
    kept = (field > -1.0)[faces].all(1)
    used, index = np.unique(faces[kept], return_inverse=True)
    points = vertices + normal * clearance
    # Vertices just below the edge are moved up to it, so that the edge is a smooth line.
    points[:, 1] -= np.minimum(field, 0)
    cuff = rng.uniform(1.5, 4.0)
    if rolled:
        points += normal * (0.5 * smoothstep(cuff + 0.15, cuff - 0.15, field))[:, None]
    knit = value_noise(base * np.array([2.0, 0.4, 2.0], np.float32), int(rng.integers(1 << 20)), 2)
    points += normal * (rng.uniform(0, 0.2) * knit)[:, None]
    return points[used], index.reshape(-1, 3)


def hat(
    rng: Rng, kind: str, base: Array, vertices: Array, normal: Array, faces: Ints, scale: Array, thickness: float
) -> Part:
    """A hat of one of HATS. thickness: of the hair below it, cm; the other arguments as for `hair.cap`."""
    clearance = 0.45 + 1.1 * thickness
    front, back = rng.uniform(6.8, 9.0), rng.uniform(-1.0, 5.0)
    if kind in ("beanie", "visor"):
        points, shell = _shell(rng, base, vertices, normal, faces, (front, back), clearance,
                               rolled=kind == "beanie" and rng.random() < 0.6)  # fmt: skip
        top = smoothstep(10.0, 16.0, points[:, 1])
        slouch = rng.uniform(0, 1.5 if kind == "beanie" else 0.3)
        points[:, 1] += top * (slouch + rng.uniform(0, 2.5 if kind == "beanie" else 0.7))
        points[:, 2] -= top * slouch
        pieces = [(points, shell)]
        if kind == "visor":
            pieces.append(_visor(rng, points, front if rng.random() < 0.8 else None))
        elif rng.random() < 0.35:
            pom, pom_faces = sphere(11, 15)
            pom = pom * rng.uniform(1.3, 2.6) * (1 + 0.25 * value_noise(pom * 4, 7, 2))[:, None]
            pieces.append((pom + points[points[:, 1].argmax()], pom_faces))
        return _head_part(*merge_meshes(pieces), "hat", Material.HAT)
    if kind == "brim":
        return _head_part(*_brim(rng, scale, clearance, front), "hat", Material.HAT)
    if kind == "ears":
        return _head_part(*_animal_ears(rng, scale, thickness), "hat", Material.HAT)
    points, shell = _hood(rng, scale, clearance, tight=kind == "scarf")
    return _head_part(points, shell, "hat", Material.HAT, head_weight(points))


def _visor(rng: Rng, crown: Array, front: float | None) -> tuple[Array, Ints]:
    """The visor of a cap, in front at height `front`, or at the back where that is None."""
    direction = 1.0 if front is not None else -1.0
    rows, columns = 6, 17
    angle = np.linspace(-1.15, 1.15, columns)[None, :]
    out = np.linspace(-0.15, 1, rows)[:, None]
    band = crown[np.abs(crown[:, 1] - (front if front is not None else crown[:, 1].min() + 1)) < 1.5]
    half_width = np.abs(band[:, 0]).max()
    start = (direction * band[:, 2]).max()
    length = rng.uniform(4.5, 8.0) * np.cos(angle * 1.1) ** 0.6
    x = half_width * np.sin(angle) * (1 - 0.1 * out) * 0.98
    z = start - (start + 1.0) * (1 - np.cos(angle)) + out * length - 0.2
    y = (front if front is not None else band[:, 1].mean()) + 0.3 - out * rng.uniform(0, 3) - 1.4 * np.sin(angle) ** 2
    y = y * np.ones_like(x)
    return np.stack([x, y, direction * z], -1).reshape(-1, 3), grid_faces(rows, columns)


def _brim(rng: Rng, scale: Array, clearance: float, front: float) -> tuple[Array, Ints]:
    """A hat as a surface of revolution: brim, crown, top."""
    brim_width, droop = rng.uniform(2.0, 10.0), rng.uniform(-2.0, 3.0)
    height = rng.uniform(7.5, 13.0)
    taper = rng.uniform(0.75, 1.05)
    profile = np.array([
        [1 + brim_width / 9, -droop], [1 + brim_width / 18, -0.3 * droop], [1.0, 0], [1.0, 0.05], [1.0, 0.3 * height],
        [0.5 + 0.5 * taper, 0.8 * height], [0.92 * taper, 0.97 * height], [0.6 * taper, height],
        [0.0, height - rng.uniform(0, 1.5)],
    ])  # fmt: skip
    angle = np.linspace(0, 2 * np.pi, 41)[None, :]
    radius = profile[:, :1]
    x = (7.9 * scale[0] + clearance) * radius * np.sin(angle)
    z = -0.3 + (9.9 * scale[2] + clearance) * radius * np.cos(angle)
    outside = np.clip(radius - 1, 0, None)
    y = profile[:, 1:] + outside * rng.uniform(0, 3) * np.abs(np.sin(angle)) ** 2
    tilt = rng.uniform(-0.02, 0.16)
    y = front * scale[1] - 1.6 + y + tilt * z
    return np.stack([x, y, z], -1).reshape(-1, 3), grid_faces(len(profile), 41)


def _animal_ears(rng: Rng, scale: Array, thickness: float) -> tuple[Array, Ints]:
    """Two animal ears or horns on the crown."""
    height, base_radius = rng.uniform(3, 12), rng.uniform(1.2, 3.2)
    t = np.linspace(0, 1, 9)
    bend = rng.uniform(-2, 3)
    line = np.stack([4.8 + 1.5 * t + bend * t**2, 11.0 + (height + thickness + 1) * t, 0.5 - 1.5 * t**2], 1)
    radius = base_radius * np.interp(t, [0, 0.5, 1], [1, rng.uniform(0.5, 1.1), 0.03])
    points, faces = tube(line, radius, 12)
    flattened = (points - np.repeat(line, 13, 0)) * [1, 1, rng.uniform(0.3, 1)] + np.repeat(line, 13, 0)
    return merge_meshes([(flattened * scale, faces), (flattened * scale * [-1, 1, 1], faces)])


def _hood(rng: Rng, scale: Array, clearance: float, tight: bool) -> tuple[Array, Ints]:
    """A hood, or a head scarf where tight: arches from the face to the back of the head, with ends on the shoulders."""
    rows, columns = 22, 41
    loose = 0.7 if tight else rng.uniform(0.8, 3.5)
    opening_mask = rng.uniform(3.5, 7.5) if tight else rng.uniform(3, 10)
    back = np.linspace(0, 1, rows)[:, None]  # from the opening to the back
    arch = np.linspace(-1, 1, columns)[None, :]
    z = opening_mask - back * (opening_mask + 10.2 + clearance + loose)
    depth = np.clip((z + 1.0) / -(9.2 + clearance + loose), 0, 1)
    roundness = np.sqrt(np.clip(1 - depth**2.4, 0, 1))
    rim = 1 - 0.05 * smoothstep(0.1, 0.0, back * np.ones_like(arch))
    angle = np.clip(np.abs(arch) / 0.6, 0, 1) * (np.pi / 2) * np.sign(arch)
    below = np.clip((np.abs(arch) - 0.6) / 0.4, 0, 1)
    half = 8.3 + clearance + loose
    x = half * np.sin(angle) * roundness * rim * (1 - 0.25 * np.sin(np.pi * below)) + np.sign(arch) * 4 * below**2
    top = 3.0 + (11.4 + clearance + loose) * np.cos(angle) * roundness * rim
    y = np.where(below > 0, 3.0 - below * ((12.0 if tight else 17.5) + 2 * back), top)
    z = z + np.zeros_like(arch) - below * (2.0 * (1 - back) + 2)
    if tight:
        # A scarf closes under the chin.
        x = x * (1 - 0.55 * smoothstep(0.3, 0.8, below * np.ones_like(z)) * (1 - back))
        z = z + 3.0 * smoothstep(0.3, 1.0, below * np.ones_like(z)) * (1 - back)
    folds = value_noise(np.stack([arch * 6 + 0 * z, z * 0.25, 0 * z], -1).reshape(-1, 3), int(rng.integers(99)), 3)
    swell = 1 + rng.uniform(0, 0.05) * folds.reshape(rows, columns)
    return np.stack([x * swell, y, z], -1).reshape(-1, 3) * scale, grid_faces(rows, columns)
