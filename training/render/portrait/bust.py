"""The mesh of a portrait: a symmetrical head, eyeballs and a dressed body, subdivided until no edge shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from training.render.arrays import Array, Ints
from training.render.character import parts
from training.render.character.facekit import EYE_LEFT, EYE_RIGHT, GUMS_START, HEAD_END, SOCKET_START, Facekit
from training.render.character.studio import Studio
from training.render.portrait.garment import EYE, FACE, MOUTH, SOCKET, Garment, build_garment
from training.render.raster import raster

MIRROR = np.array([-1, 1, 1], np.float32)
PHONG_TESSELLATION = 0.7  # 0 = flat triangles, 1 = fully rounded by the normals


@dataclass(frozen=True)
class Shape:
    """What gives a sitter their form.

    identity: weight of identity modes, standard deviations, by number.
    expression: weight of expressions 0..1, by name without its side.
    eye_scale: how much the eyes are enlarged, 0 = not at all.
    jaw_narrowing: how much jaw, mouth and neck are narrowed, 0..0.3.
    nose_scale: how much the nose is drawn together, 0..0.5.
    head_scale: (3,) of the whole head.
    iris_angle: from the eyeball's axis to the edge of the iris, radians.
    garment: what the sitter wears.
    """

    identity: dict[int, float]
    expression: dict[str, float]
    eye_scale: float
    jaw_narrowing: float
    garment: Garment
    iris_angle: float = 0.5
    nose_scale: float = 0.0
    head_scale: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Bust:
    """A mesh, cm, in the axes of the face model.

    vertices, normals: (V, 3). faces: (F, 3). kind: (V,) of surface. base: (V, 3) the same point on the mean head, on
    clothes the coordinates of their pattern, on an eyeball the unit direction from its centre. eyes: centre and radius
    of the right and left eyeball.
    """

    vertices: Array
    normals: Array
    faces: Ints
    kind: Ints
    base: Array
    eyes: list[tuple[Array, float]]


def _mirrored(points: Array, offsets: Array) -> Array:
    """Offsets (V, 3) of the vertices `points` (V, 3), averaged with those of the other side of the face."""
    other = cKDTree(points).query(points * MIRROR)[1]
    return ((offsets + offsets[other] * MIRROR) / 2).astype(np.float32)


def _enlarged_eyes(shape: Array, scale: float) -> Array:
    """Vertices (V, 3) of the head with the surroundings of each eye scaled smoothly by 1 + scale."""
    out = shape.copy()
    for start, stop in (EYE_RIGHT, EYE_LEFT):
        offset = shape - shape[start:stop].mean(0)
        near = np.exp(-(np.linalg.norm(offset[:, :2], axis=1) ** 2) / (2 * 2.5**2)) * (shape[:, 2] > 2)
        out += offset * (scale * near)[:, None] * np.array([1, 1, 0.6], np.float32)
    return out.astype(np.float32)


def _smaller_nose(shape: Array, base: Array, amount: float) -> Array:
    """Vertices (V, 3) with the nose drawn towards a point between its wings; base (V, 3): mean head."""
    centre = np.array([0, 0.2, 10.4], np.float32)
    near = np.exp(-((base[:, 0] / 1.7) ** 2) - ((base[:, 1] - 0.4) / 1.9) ** 2) * (base[:, 2] > 8)
    return (shape + (centre - shape) * (amount * near)[:, None] * np.array([1, 0.35, 0.8], np.float32)).astype(
        np.float32
    )


def _head(kit: Facekit, shape: Shape) -> Array:
    """Vertices (V, 3) of the face model."""
    offsets = np.zeros_like(kit.base)
    for mode, weight in shape.identity.items():
        offsets += weight * kit.identity[mode].astype(np.float32)
    neutral = kit.base + _mirrored(kit.base, offsets)
    move = np.zeros_like(kit.base)
    for name, weight in shape.expression.items():
        for side in ("", "_L", "_R"):
            if name + side in kit.expression_names:
                move += weight * kit.expression[kit.expression_index(name + side)]
    head = neutral + _mirrored(kit.base, move)
    head = _enlarged_eyes(head, shape.eye_scale)
    head = _smaller_nose(head, kit.base, shape.nose_scale)
    down = np.clip((2.5 - head[:, 1]) / 8.5, 0, 1)
    head[:, 0] *= 1 - shape.jaw_narrowing * down * down * (3 - 2 * down)
    return (head * np.array(shape.head_scale, np.float32)).astype(np.float32)


def _eyeball(shape: Array, span: tuple[int, int]) -> tuple[Array, float]:
    """Centre (3,) and radius of the sphere through the sclera, by least squares."""
    points = shape[span[0] : span[1]].astype(np.float64)
    system = np.concatenate([2 * points, np.ones((len(points), 1))], 1)
    solution, *_ = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)
    return solution[:3].astype(np.float32), float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


def subdivide(bust: Bust) -> Bust:
    """Split each triangle into four, with new vertices on the curved surface (Boubekeur and Alexa 2008)."""
    edges = np.sort(bust.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    unique, inverse = np.unique(edges, axis=0, return_inverse=True)
    middle = (inverse.reshape(-1, 3) + len(bust.vertices)).astype(np.int32)
    a, b = bust.vertices[unique[:, 0]], bust.vertices[unique[:, 1]]
    na, nb = bust.normals[unique[:, 0]], bust.normals[unique[:, 1]]
    flat = (a + b) / 2
    on_a = flat - ((flat - a) * na).sum(1, keepdims=True) * na
    on_b = flat - ((flat - b) * nb).sum(1, keepdims=True) * nb
    points = flat + PHONG_TESSELLATION * ((on_a + on_b) / 2 - flat)

    def grown(values: Array) -> Array:
        return np.concatenate([values, (values[unique[:, 0]] + values[unique[:, 1]]) / 2]).astype(np.float32)

    normal = grown(bust.normals)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    i, j, k = bust.faces.T
    ij, jk, ki = middle.T
    faces = np.concatenate([np.stack(t, 1) for t in ((i, ij, ki), (j, jk, ij), (k, ki, jk), (ij, jk, ki))])
    return Bust(
        np.concatenate([bust.vertices, points]).astype(np.float32), normal, faces.astype(np.int32),
        np.concatenate([bust.kind, bust.kind[unique[:, 0]]]), grown(bust.base), bust.eyes,
    )  # fmt: skip


def build_bust(studio: Studio, shape: Shape) -> Bust:
    """The mesh of a sitter; the studio must be one without bodies, whose heads have the longer neck."""
    head = _head(studio.kit, shape)
    eyes = [_eyeball(head, EYE_RIGHT), _eyeball(head, EYE_LEFT)]
    used = head[studio.used]
    kind = np.full(len(used), FACE, np.int32)
    kind[studio.used >= HEAD_END] = MOUTH
    kind[(studio.used >= SOCKET_START) & (studio.used < GUMS_START)] = SOCKET
    neck = used[(studio.base[:, 1] < -8.5) & (kind == FACE)]
    cloth = build_garment(shape.garment, neck)
    vertices, bases = [used], [studio.base]
    kinds, normals = [kind], [raster.normals(used, studio.faces)]
    stub = (studio.base[:, 1] < -9) & (np.abs(studio.base[:, 0]) > 5.9)  # shoulders that would pierce the clothes
    faces = [studio.faces[~stub[studio.faces].any(1)]]
    count = len(used)

    def add(points: Array, base: Array, normal: Array, triangles: Ints, what: int) -> None:
        nonlocal count
        vertices.append(points)
        bases.append(base)
        normals.append(normal)
        kinds.append(np.full(len(points), what, np.int32))
        faces.append(triangles + count)
        count += len(points)

    for piece in cloth:
        add(piece.points, piece.pattern, raster.normals(piece.points, piece.faces), piece.faces, piece.kind)
    ball = parts.eyeball("eye_left", shape.iris_angle)
    unit = ball.vertices / np.linalg.norm(ball.vertices, axis=1, keepdims=True)
    for centre, radius in eyes:
        add(centre + unit * radius, unit, unit, ball.faces, EYE)
    bust = Bust(
        np.concatenate(vertices).astype(np.float32), np.concatenate(normals).astype(np.float32),
        np.concatenate(faces).astype(np.int32), np.concatenate(kinds), np.concatenate(bases).astype(np.float32), eyes,
    )  # fmt: skip
    return subdivide(bust)
