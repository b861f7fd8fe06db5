"""Grooms hair: strands that grow from the scalp, are combed, fall over head and shoulders and gather in clumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from training.render.arrays import Array
from training.render.character.hair import hairline
from training.render.character.noise import Rng, value_noise
from training.render.character.parts import smoothstep
from training.render.portrait.bust import Bust
from training.render.portrait.garment import CLOTH, COLLAR, FACE

# Unit directions (N, 3) in which hair is combed at its roots (N, 3), cm on the mean head, given their normals (N, 3).
Comb = Callable[[Array, Array], Array]
GRID_CELL = 0.6  # cm, of the grid of distances
GRID_RANGE = ((-26, 26), (-40, 20), (-16, 18))  # cm, that it covers in x, y and z


@dataclass(frozen=True)
class Strands:
    """N strands of K points. points: (N, K, 3), cm. radius: (N, K), cm. tint: (N,) about 1, of the colour."""

    points: Array
    radius: Array
    tint: Array

    def joined(self, other: Strands) -> Strands:
        """These strands and others with as many points."""
        pairs = ((self.points, other.points), (self.radius, other.radius), (self.tint, other.tint))
        return Strands(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True)
class Style:
    """How hair is cut and dressed. Lengths in cm.

    count: of strands. length: at the crown, and at the lower hairline. comb: see Comb. lift: share of the skin's normal
    in the direction of the roots. stiffness: 0..1, how well hair keeps its direction. gravity: pull per step. hug: pull
    towards the head, 0..1. volume: height of the outermost strands above the scalp. clumps: number of tufts; clumping:
    0..1, how closely their strands gather at the tips. wave: amplitude and length of waves. frizz: of single strands.
    knot: point, cm, at which the hair is tied, None = it hangs. rise: of the hairline over the forehead. radius: of a
    strand. points: of each strand. tip: its radius there against that of the middle. length_jitter: standard deviation.
    """

    count: int
    length: tuple[float, float]
    comb: Comb
    lift: float = 0.5
    stiffness: float = 0.8
    gravity: float = 0.25
    hug: float = 0.25
    volume: float = 1.2
    clumps: int = 300
    clumping: float = 0.5
    wave: tuple[float, float] = (0.0, 6.0)
    frizz: float = 0.05
    knot: tuple[float, float, float] | None = None
    rise: float = 0.0
    radius: float = 0.02
    points: int = 44
    tip: float = 0.25
    length_jitter: float = 0.12


class Obstacle:
    """Signed distance to head and clothes, sampled in a grid."""

    def __init__(self, bust: Bust) -> None:
        # The vertices before subdivision come first and are dense enough.
        solid = np.flatnonzero(np.isin(bust.kind, (FACE, CLOTH, COLLAR)))
        solid = solid[solid < len(bust.vertices) // 3]
        points, normals = bust.vertices[solid], bust.normals[solid]
        axes = [np.arange(low, high, GRID_CELL) for low, high in GRID_RANGE]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(np.float32)
        nearest = cKDTree(points).query(grid.reshape(-1, 3), workers=2)[1]
        signed = ((grid.reshape(-1, 3) - points[nearest]) * normals[nearest]).sum(1).reshape(grid.shape[:3])
        self.low = np.array([low for low, _ in GRID_RANGE], np.float32)
        self.field = gaussian_filter(signed.astype(np.float32), 0.7)
        self.slope = np.stack(np.gradient(self.field), -1)

    def distance(self, points: Array) -> tuple[Array, Array]:
        """Signed distance (N,), cm, of points (N, 3), negative inside, and the direction outwards (N, 3)."""
        cells = ((points - self.low) / GRID_CELL).T

        def at(values: Array) -> Array:
            return map_coordinates(values, cells, order=1, mode="nearest")

        normal = np.stack([at(self.slope[..., i]) for i in range(3)], 1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        return at(self.field).astype(np.float32), normal.astype(np.float32)


def forehead_line(base: Array, rise: float) -> Array:
    """As `hairline` (V,), cm, but arched over the forehead; base (V, 3): mean head."""
    arch = 1.3 * np.clip(1 - (base[:, 0] / 5.5) ** 2, 0, 1) * smoothstep(5.0, 8.0, base[:, 2])
    return (hairline(base, rise) - arch).astype(np.float32)


def roots(bust: Bust, rng: Rng, count: int, rise: float) -> tuple[Array, Array, Array]:
    """Random roots on the scalp: positions (N, 3), the same on the mean head, and normals (N, 3)."""
    field = forehead_line(bust.base, rise) + 0.35 * value_noise(bust.base * 0.9, 5, 3)
    beside_ears = (bust.base[:, 1] < 1.5) & (np.abs(bust.base[:, 0]) > 4.5)
    scalp = (bust.kind == FACE) & (field > 0.0) & ~beside_ears
    faces = bust.faces[scalp[bust.faces].all(1)]
    a, b, c = (bust.vertices[faces[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    # Thin at the hairline, so that no edge shows.
    area = area * (0.25 + 0.75 * smoothstep(0.0, 1.4, field[faces].mean(1)))
    chosen = faces[rng.choice(len(faces), count, p=area / area.sum())]
    u, v = rng.random((2, count, 1))
    flip = (u + v) > 1
    u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)

    def at(values: Array) -> Array:
        return (values[chosen[:, 0]] * (1 - u - v) + values[chosen[:, 1]] * u + values[chosen[:, 2]] * v).astype(
            np.float32
        )

    normal = at(bust.normals)
    return at(bust.vertices), at(bust.base), normal / np.linalg.norm(normal, axis=1, keepdims=True)


def grow(bust: Bust, obstacle: Obstacle, style: Style, rng: Rng) -> Strands:
    """Strands of a style on a head."""
    position, base, normal = roots(bust, rng, style.count, style.rise)
    crown = smoothstep(0.0, 9.5, base[:, 1])
    length = style.length[1] + (style.length[0] - style.length[1]) * crown
    length *= 1 + style.length_jitter * rng.normal(0, 1, style.count).clip(-2.5, 1.5)
    layer = style.volume * (0.12 + 0.88 * rng.random(style.count) ** 0.7) * (0.3 + 0.7 * crown)
    velocity = style.comb(base, normal) + style.lift * normal + rng.normal(0, 0.06, (style.count, 3))
    velocity /= np.linalg.norm(velocity, axis=1, keepdims=True)
    step = (length / (style.points - 1))[:, None]
    path = np.empty((style.count, style.points, 3), np.float32)
    path[:, 0] = position - 0.1 * normal
    for k in range(1, style.points):
        along = k / (style.points - 1)
        pull = np.zeros_like(velocity)
        pull[:, 1] = -style.gravity * min(1.0, 0.2 + 4 * along)
        velocity = velocity + (1 - style.stiffness) * pull
        if style.hug > 0:
            distance, outwards = obstacle.distance(path[:, k - 1])
            beside = smoothstep(-3.0, 4.0, path[:, k - 1, 1])
            velocity -= (style.hug * beside * np.clip(distance - layer, 0, 1.5))[:, None] * outwards
        reach = step
        if style.knot is not None:
            ahead = np.array(style.knot, np.float32) - path[:, k - 1]
            left = np.linalg.norm(ahead, axis=1, keepdims=True)
            velocity = velocity + 0.6 * ahead / (left + 1e-6)
            reach = np.minimum(step, 0.4 * left)
        velocity /= np.linalg.norm(velocity, axis=1, keepdims=True)
        point = path[:, k - 1] + velocity * reach
        distance, outwards = obstacle.distance(point)
        needed = layer * smoothstep(0.0, 0.2, np.full(style.count, along))
        inside = np.maximum(needed - distance, 0)[:, None]
        point = point + outwards * inside
        into = np.minimum((velocity * outwards).sum(1, keepdims=True), 0) * (inside > 0)
        velocity = velocity - into * outwards
        path[:, k] = point
    return _dress(path, base, style, rng)


def _dress(path: Array, base: Array, style: Style, rng: Rng) -> Strands:
    """Strands along paths (N, K, 3) with roots (N, 3), gathered in clumps, waved and frizzy."""
    count = len(path)
    along = np.linspace(0, 1, style.points, dtype=np.float32)
    guide = rng.choice(count, min(style.clumps, count), replace=False)
    # Strands gather where they lie beside each other half way, not only where they are rooted.
    key = np.concatenate([base, path[:, style.points // 2]], 1)
    nearest = guide[cKDTree(key[guide]).query(key)[1]]
    gather = style.clumping * smoothstep(0.05, 0.9, along)[None, :, None]
    spread = rng.normal(0, 0.12, (count, 1, 3)) * (1 - 0.6 * along[None, :, None])
    path = path + (path[nearest] + spread - path) * gather
    amplitude, wave_length = style.wave
    if amplitude > 0:
        phase = rng.uniform(0, 2 * np.pi, count)[nearest] * 0.6 + rng.normal(0, 0.25, count)
        distance = np.cumsum(np.linalg.norm(np.diff(path, axis=1, prepend=path[:, :1]), axis=2), 1)
        turn = 2 * np.pi * distance / wave_length + phase[:, None]
        tangent = np.gradient(path, axis=1)
        tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-6
        across = np.cross(tangent, np.array([0, 0, 1], np.float32))
        grown = amplitude * smoothstep(0.15, 0.6, along)[None, :, None]
        path = path + grown * np.sin(turn)[..., None] * across
        path[..., 2] += (0.6 * grown[..., 0] * np.cos(turn)).astype(np.float32)
    seeds = rng.uniform(0, 400, (count, 1)) + along[None] * 3.0
    for axis in range(3):
        points = np.stack([seeds + 17 * axis, 0 * seeds, 0 * seeds], -1).reshape(-1, 3)
        wander = value_noise(points.astype(np.float32), 3 + axis, 3).reshape(count, -1)
        path[..., axis] += style.frizz * wander * along[None] ** 0.7 * 4
    taper = (1 - (1 - style.tip) * smoothstep(0.35, 1.0, along)) * (0.3 + 0.7 * smoothstep(0.0, 0.14, along))
    thick = style.radius * (0.75 + 0.5 * rng.random((count, 1))) * taper[None]
    tone = 1 + 0.10 * rng.normal(0, 1, count) + 0.14 * rng.normal(0, 1, count)[nearest]
    return Strands(path.astype(np.float32), thick.astype(np.float32), tone.clip(0.55, 1.6).astype(np.float32))


def bun(style: Style, radius: float, rng: Rng) -> Strands:
    """Hair wound to a ball of this radius, cm, around the knot of a style; its strands are as thick as the style's."""
    if style.knot is None:
        raise ValueError("a bun needs the style's knot, but this style has none")
    count = style.count // 3
    along = np.linspace(0, 1, style.points)[None, :]
    # Great circles, whose axes lie near that of a twisted rope.
    axis = np.array([0.0, 0.55, 0.83], np.float32) + rng.normal(0, 0.42, (count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    first = np.cross(axis, rng.normal(0, 1, (count, 3)))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(axis, first)
    turn = (along * 1.5 + rng.random((count, 1))) * np.pi * 2 * 0.6
    shell = radius * (0.72 + 0.28 * rng.random((count, 1)) ** 0.5) * (1 + 0.05 * np.sin(3 * turn))
    ring = np.cos(turn)[..., None] * first[:, None] + np.sin(turn)[..., None] * second[:, None]
    path = np.array(style.knot, np.float32) + shell[..., None] * ring * np.array([1.08, 0.92, 1.0], np.float32)
    base = axis.astype(np.float32) * 4
    return _dress(path.astype(np.float32), base, replace(style, clumps=60, clumping=0.35, wave=(0.0, 6.0)), rng)
