"""Texture atlas of a character: the tile of each part, and the surface position that each texel shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from training.render.arrays import Array, Ints
from training.render.character.facekit import (
    LEFT_BROW,
    LEFT_EYE,
    MULTIPIE_VERTICES,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    Facekit,
)
from training.render.raster import raster


@dataclass(frozen=True)
class Tile:
    """A square of the texture, pixels."""

    x: int
    y: int
    size: int

    def to_texture(self, uv: Array) -> Array:
        """uv (N, 2) in 0..1, v down, as texture pixels (N, 2)."""
        inside = self.size - 2
        return np.stack([self.x + 1 + uv[:, 0] * inside, self.y + 1 + uv[:, 1] * inside], 1).astype(np.float32)


ATLAS_SIDE = 1024
TILES = {
    "face": Tile(0, 0, 512),
    "back": Tile(512, 0, 256),
    "gums": Tile(768, 0, 128),
    "teeth": Tile(896, 0, 128),
    "eye_left": Tile(768, 128, 128),
    "eye_right": Tile(896, 128, 128),
    "lashes": Tile(768, 256, 64),
    "glasses": Tile(832, 256, 64),
    "jewel": Tile(896, 256, 64),
    "collar": Tile(768, 320, 192),
    "hat": Tile(512, 256, 256),
    "body": Tile(512, 512, 512),
    "hair": Tile(0, 512, 512),
}
# Tile of the face model by the integer part of its u coordinates.
UV_TILES = {0: "face", 1: "back", 2: "gums", 3: "teeth", 6: "lashes"}


def segment_distance(points: Array, line: Array) -> tuple[Array, Array]:
    """Distance (N,) of points (N, D) to a polyline (K, D), and the position 0..1 along it."""
    best = np.full(len(points), np.inf, np.float32)
    along = np.zeros(len(points), np.float32)
    for i, (a, b) in enumerate(pairwise(line)):
        ab = b - a
        t = np.clip((points - a) @ ab / (ab @ ab), 0, 1)
        distance = np.linalg.norm(points - a - t[:, None] * ab, axis=1)
        nearer = distance < best
        best = np.where(nearer, distance, best)
        along = np.where(nearer, (i + t) / (len(line) - 1), along)
    return best.astype(np.float32), along.astype(np.float32)


def in_polygon(points: Array, polygon: Array) -> NDArray[np.bool_]:
    """Whether points (N, 2) lie in a closed polygon (K, 2), by the even-odd rule: (N,) bool."""
    inside = np.zeros(len(points), bool)
    for a, b in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        crosses = (a[1] > points[:, 1]) != (b[1] > points[:, 1])
        x = a[0] + (points[:, 1] - a[1]) / (b[1] - a[1] + 1e-12) * (b[0] - a[0])
        inside ^= crosses & (points[:, 0] < x)
    return inside


def texel_triangles(uv: Array, corner: Ints, tile: Tile) -> tuple[Ints, Array]:
    """Triangle (size, size) that each texel of a tile shows, and its barycentric weights (size, size, 3).

    uv (U, 2): texture pixels. corner (F, 3): index into uv. Texels that no triangle covers repeat the nearest one that
    is covered.
    """
    points = np.ones((len(uv), 3), np.float32)
    points[:, :2] = uv - np.array([tile.x, tile.y], np.float32)
    hits = raster.rasterise(points, corner, tile.size)
    nearest = distance_transform_edt(hits.triangle < 0, return_distances=False, return_indices=True)
    weights = hits.weights[tuple(nearest)]
    return hits.triangle[tuple(nearest)], np.concatenate([weights, 1 - weights.sum(-1, keepdims=True)], -1)


class Atlas:
    """Texture coordinates of the face model, and regions of its face tile, on the mean head in cm.

    uv: (U, 2) texture pixels.
    positions: by tile, (size, size, 3) surface position of each texel.
    vertex: by tile, (size, size) first vertex of the triangle at each texel.
    lips: (size, size) signed distance to the outline of the lips, negative inside.
    brow: (size, size) distance to the nearer eyebrow.
    brow_along: (size, size) position along that eyebrow, 0 at its inner end .. 1.
    lid: (size, size) distance to the nearer eye opening, 0 inside.
    above_lid: (size, size) bool, above an eye and near it.
    """

    def __init__(self, kit: Facekit) -> None:
        number = np.floor(kit.uv[:, 0]).astype(int)
        self.uv = np.zeros_like(kit.uv)
        self.positions: dict[str, Array] = {}
        self.vertex: dict[str, Ints] = {}
        for tile_number, name in UV_TILES.items():
            tile = TILES[name]
            chosen = number == tile_number
            local = np.stack([kit.uv[chosen, 0] - tile_number, 1 - kit.uv[chosen, 1]], 1)
            self.uv[chosen] = tile.to_texture(local)
        skip = {"M_ScleraLeft", "M_ScleraRight", "M_IrisLeft", "M_IrisRight", "M_EyeOcclusion", "M_EyeBlend"}
        use = kit.triangles(*(n for n in kit.material_names if n not in skip))
        for tile_number, name in UV_TILES.items():
            triangles = use[number[kit.corner_uv[use, 0]] == tile_number]
            self.positions[name], self.vertex[name] = self._tile_positions(kit, triangles, TILES[name])
        self._face_regions(kit)

    def _tile_positions(self, kit: Facekit, triangles: NDArray[np.int64], tile: Tile) -> tuple[Array, Ints]:
        corner = kit.corner_uv[triangles]
        t, weights = texel_triangles(self.uv, corner, tile)
        faces = kit.faces[triangles][t]
        return (kit.base[faces] * weights[..., None]).sum(-2).astype(np.float32), faces[..., 0]

    def _face_regions(self, kit: Facekit) -> None:
        flat = self.positions["face"].reshape(-1, 3)
        shape = self.positions["face"].shape[:2]
        landmarks = kit.base[MULTIPIE_VERTICES]
        lips = landmarks[OUTER_LIPS, :2]
        distance, _ = segment_distance(flat[:, :2], np.concatenate([lips, lips[:1]]))
        distance = np.where(in_polygon(flat[:, :2], lips), -distance, distance)
        self.lips = np.where(flat[:, 2] > 8.5, distance, 9).reshape(shape)
        right, along_right = segment_distance(flat, landmarks[RIGHT_BROW][::-1])
        left, along_left = segment_distance(flat, landmarks[LEFT_BROW])
        self.brow = np.minimum(right, left).reshape(shape)
        self.brow_along = np.where(right < left, along_right, along_left).reshape(shape)
        lid = np.full(len(flat), np.inf, np.float32)
        above = np.zeros(len(flat), bool)
        for eye in (landmarks[RIGHT_EYE], landmarks[LEFT_EYE]):
            distance, _ = segment_distance(flat, np.concatenate([eye, eye[:1]]))
            middle = eye.mean(0)
            above |= (distance < 3) & (flat[:, 1] > middle[1]) & (np.abs(flat[:, 0] - middle[0]) < 3)
            lid = np.minimum(lid, np.where(in_polygon(flat[:, :2], eye[:, :2]) & (flat[:, 2] > 7), 0, distance))
        self.lid = lid.reshape(shape)
        self.above_lid = above.reshape(shape)


def paste(texture: NDArray[np.uint8], name: str, image: Array) -> None:
    """Write a picture (h, w, 3) 0..255 into a tile of the texture, in place, resized to the tile."""
    tile = TILES[name]
    if image.shape[:2] != (tile.size, tile.size):
        image = cv2.resize(image, (tile.size, tile.size), interpolation=cv2.INTER_LINEAR)
    texture[tile.y : tile.y + tile.size, tile.x : tile.x + tile.size] = np.clip(image, 0, 255)
