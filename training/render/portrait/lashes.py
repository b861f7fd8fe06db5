"""Eyebrows on the skin, and lashes along the edges of the lids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from training.render.arrays import Array
from training.render.character.facekit import LEFT_BROW, MULTIPIE_VERTICES
from training.render.character.noise import Rng
from training.render.character.studio import Studio
from training.render.portrait.bust import Bust
from training.render.portrait.garment import FACE
from training.render.portrait.groom import Strands
from training.render.scene.scene import Camera

POINTS = 12  # of a hair


def brow_strands(bust: Bust, studio: Studio, brow: tuple[int, float, float], rng: Rng) -> Strands | None:
    """Both eyebrows. brow: hairs of each, half thickness at its strongest, cm, how far it is lifted, cm."""
    count, thickness, lift = brow
    if count == 0:
        return None
    line = studio.kit.base[MULTIPIE_VERTICES][LEFT_BROW]
    curve = CubicSpline(np.arange(5), line)
    # Its body is fuller at the inner end and tapers outwards.
    along = rng.beta(1.15, 1.35, 2 * count)
    width = thickness * np.interp(along, [0, 0.12, 0.45, 0.8, 1], [0.55, 0.95, 0.85, 0.5, 0.12])
    across = rng.uniform(-1, 1, 2 * count) * width
    base = curve(along * 4)
    base[:, 1] += across + lift - 0.12
    side = np.repeat([1.0, -1.0], count)
    base[:, 0] *= side
    skin = bust.kind == FACE
    tree = cKDTree(bust.base[skin])
    gap, nearest = tree.query(base, 4)
    weight = (1 / (gap + 0.02))[..., None]
    weight /= weight.sum(1, keepdims=True)
    root = (bust.vertices[skin][nearest] * weight).sum(1)
    normal = (bust.normals[skin][nearest] * weight).sum(1)
    # Inner hairs stand up, the others lie along the brow; upper ones lean down, lower ones up.
    upward = np.interp(along, [0, 0.18, 0.5, 1], [1.5, 0.75, 0.28, -0.1]) - 0.55 * across / thickness
    direction = np.stack([np.ones(2 * count), upward + rng.normal(0, 0.1, 2 * count), np.full(2 * count, -0.25)], 1)
    direction[:, 0] *= side
    direction -= (direction * normal).sum(1, keepdims=True) * normal * 0.9
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = rng.uniform(0.5, 0.85, (2 * count, 1, 1)) * np.interp(along, [0, 0.3, 1], [0.85, 1.0, 0.6])[:, None, None]
    t = np.linspace(0, 1, POINTS)[None, :, None]
    bend = 0.12 * np.sin(np.pi * t * 0.5) * np.array([0, -1, 0], np.float32)
    path = root[:, None] + direction[:, None] * length * t + normal[:, None] * 0.05 + bend * length * (t**2)
    radius = 0.012 * (1 - 0.75 * np.linspace(0, 1, POINTS)[None]) * np.ones((2 * count, 1))
    tint = 1 + 0.15 * rng.normal(0, 1, 2 * count)
    return Strands(path.astype(np.float32), radius.astype(np.float32), tint.clip(0.6, 1.5).astype(np.float32))


def lash_strands(
    visible: NDArray[np.bool_],
    inverse_depth: Array,
    camera: Camera,
    length: float,
    rng: Rng,
    eyes: list[tuple[Array, float]],
) -> Strands | None:
    """Upper and lower lashes of both eyes, rooted where the visible eyeballs end.

    visible (H, W): where eyeballs are seen. inverse_depth (H, W): 1/cm. length: of the longest upper lash, cm.
    """
    if length <= 0:
        return None
    side = visible.shape[0]
    paths, radii = [], []
    for centre, _ in eyes:
        outward = np.sign(centre[0])
        middle = camera.screen(centre[None], side)[0, :2]
        reach = int(2.4 * camera.focal / camera.distance * side / 2)
        left, top = int(middle[0]) - reach, int(middle[1]) - reach
        mask = visible[top : top + 2 * reach, left : left + 2 * reach]
        columns = np.flatnonzero(mask.any(0))
        if len(columns) < 8:
            continue
        upper = gaussian_filter1d(mask[:, columns].argmax(0).astype(float), 4)
        lower = gaussian_filter1d(mask.shape[0] - 1 - mask[::-1, columns].argmax(0).astype(float), 4)
        share = (columns - columns[0]) / (columns[-1] - columns[0])
        share = share if outward > 0 else 1 - share  # 0 at the inner corner
        depth = 1 / inverse_depth[int(middle[1]), int(middle[0])]
        for edge, count, scale, sign in ((upper, 150, 1.0, 1), (lower, 34, 0.4, -1)):
            at = np.sort(rng.uniform(0.06, 1.0, count))
            order = np.argsort(share)
            x = left + np.interp(at, share[order], columns[order]) + 0.5
            y = top + np.interp(at, share[order], edge[order]) + 0.5
            root = _unproject(camera, x, y, np.full(count, depth - 0.05), side)
            fan = (at - 0.40) * 2.3
            direction = np.stack([outward * fan, sign * np.full(count, 0.42), np.full(count, 0.75)], 1)
            direction += rng.normal(0, 0.07, direction.shape)
            direction /= np.linalg.norm(direction, axis=1, keepdims=True)
            size = length * scale * np.interp(at, [0, 0.3, 0.75, 1], [0.35, 0.75, 1.0, 0.7])
            size *= rng.uniform(0.75, 1, count)
            t = np.linspace(0, 1, POINTS)[None, :, None]
            curl = np.array([0, sign * 0.7, 0], np.float32) * t**2
            path = root[:, None] + size[:, None, None] * (direction[:, None] * t + curl)
            paths.append(path)
            radii.append((0.010 if sign > 0 else 0.006) * (1 - 0.85 * t[..., 0]) * np.ones((count, 1)))
    if not paths:
        return None
    points, radius = np.concatenate(paths), np.concatenate(radii)
    return Strands(points.astype(np.float32), radius.astype(np.float32), np.ones(len(points), np.float32))


def _unproject(camera: Camera, x: Array, y: Array, depth: Array, side: int) -> Array:
    """World positions (N, 3) of samples x, y (N,) at distances (N,) from the camera, cm."""
    across = (x * 2 / side - 1 - camera.offset[0]) * depth / camera.focal
    up = camera.height - (y * 2 / side - 1 - camera.offset[1]) * depth / camera.focal
    return np.stack([across, up, camera.distance - depth], 1)
