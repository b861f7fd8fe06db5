"""One texture for a whole character: where each part lies in it, and what place of the surface each texel is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from training.render.arrays import Array, Ints
from training.render.character.facekit import MULTIPIE, Facekit
from training.render.raster import raster


@dataclass(frozen=True)
class Tile:
    """A square of the texture, pixels."""

    x: int
    y: int
    size: int

    def place(self, uv: Array) -> Array:
        """uv (N, 2) in 0..1, v down → texture pixels."""
        inside = self.size - 2
        return np.stack([self.x + 1 + uv[:, 0] * inside, self.y + 1 + uv[:, 1] * inside], 1).astype(np.float32)


SIDE = 1024
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
UV_TILES = {0: "face", 1: "back", 2: "gums", 3: "teeth", 6: "lashes"}  # the model's own tiles


def _segment_distance(points: Array, line: Array) -> tuple[Array, Array]:
    """Distance (N,) of points (N, D) to a polyline (K, D), and the place 0..1 along it."""
    best = np.full(len(points), np.inf, np.float32)
    along = np.zeros(len(points), np.float32)
    for i, (a, b) in enumerate(pairwise(line)):
        ab = b - a
        t = np.clip((points - a) @ ab / (ab @ ab), 0, 1)
        d = np.linalg.norm(points - a - t[:, None] * ab, axis=1)
        nearer = d < best
        best = np.where(nearer, d, best)
        along = np.where(nearer, (i + t) / (len(line) - 1), along)
    return best.astype(np.float32), along.astype(np.float32)


def _inside(points: Array, polygon: Array) -> NDArray[np.bool_]:
    """Even-odd test of points (N, 2) in a closed polygon (K, 2)."""
    inside = np.zeros(len(points), bool)
    for a, b in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        crosses = (a[1] > points[:, 1]) != (b[1] > points[:, 1])
        x = a[0] + (points[:, 1] - a[1]) / (b[1] - a[1] + 1e-12) * (b[0] - a[0])
        inside ^= crosses & (points[:, 0] < x)
    return inside


def texels(uv: Array, corner: Ints, tile: Tile) -> tuple[Ints, Array]:
    """Which triangle each texel of a tile shows (size, size), and its weights (size, size, 3).

    uv (U, 2) texture pixels, corner (F, 3) into them. What no triangle covers gets what the nearest covered texel has.
    """
    points = np.ones((len(uv), 3), np.float32)
    points[:, :2] = uv - np.array([tile.x, tile.y], np.float32)
    hits = raster.fill(points, corner, tile.size)
    nearest = distance_transform_edt(hits.triangle < 0, return_distances=False, return_indices=True)
    weights = hits.weights[tuple(nearest)]
    return hits.triangle[tuple(nearest)], np.concatenate([weights, 1 - weights.sum(-1, keepdims=True)], -1)


class Atlas:
    """The model's uv in texture pixels, and fields over the texels of the face, all on the mean head, in cm.

    positions[name] (size, size, 3); regions of the face tile: `lips` signed distance to the lips' outline (inside < 0),
    `brow` distance to the nearer brow and `brow_along` 0 at its inner end .. 1, `lid` distance to the nearer eye
    opening (0 inside).
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
            self.uv[chosen] = tile.place(local)
        skip = {"M_ScleraLeft", "M_ScleraRight", "M_IrisLeft", "M_IrisRight", "M_EyeOcclusion", "M_EyeBlend"}
        use = kit.triangles(*(n for n in kit.material_names if n not in skip))
        for tile_number, name in UV_TILES.items():
            triangles = use[number[kit.corner_uv[use, 0]] == tile_number]
            self.positions[name], self.vertex[name] = self._bake(kit, triangles, TILES[name])
        self._fields(kit)

    def _bake(self, kit: Facekit, triangles: NDArray[np.int64], tile: Tile) -> tuple[Array, Ints]:
        corner = kit.corner_uv[triangles]
        t, weights = texels(self.uv, corner, tile)
        faces = kit.faces[triangles][t]
        return (kit.base[faces] * weights[..., None]).sum(-2).astype(np.float32), faces[..., 0]

    def _fields(self, kit: Facekit) -> None:
        flat = self.positions["face"].reshape(-1, 3)
        shape = self.positions["face"].shape[:2]
        marks = kit.base[MULTIPIE]
        lips = marks[48:60, :2]
        d, _ = _segment_distance(flat[:, :2], np.concatenate([lips, lips[:1]]))
        d = np.where(_inside(flat[:, :2], lips), -d, d)
        self.lips = np.where(flat[:, 2] > 8.5, d, 9).reshape(shape)
        right, along_right = _segment_distance(flat, marks[17:22][::-1])
        left, along_left = _segment_distance(flat, marks[22:27])
        self.brow = np.minimum(right, left).reshape(shape)
        self.brow_along = np.where(right < left, along_right, along_left).reshape(shape)
        lid = np.full(len(flat), np.inf, np.float32)
        above = np.zeros(len(flat), bool)
        for eye in (marks[36:42], marks[42:48]):
            d, _ = _segment_distance(flat, np.concatenate([eye, eye[:1]]))
            middle = eye.mean(0)
            above |= (d < 3) & (flat[:, 1] > middle[1]) & (np.abs(flat[:, 0] - middle[0]) < 3)
            lid = np.minimum(lid, np.where(_inside(flat[:, :2], eye[:, :2]) & (flat[:, 2] > 7), 0, d))
        self.lid = lid.reshape(shape)
        self.above_lid = above.reshape(shape)

    def soft(self, distance: Array, edge: float, blur: float = 0.08) -> Array:
        """1 where distance < edge, 0 beyond, over `blur` cm."""
        return np.clip((edge - distance) / blur + 0.5, 0, 1).astype(np.float32)


def paste(texture: NDArray[np.uint8], name: str, image: Array) -> None:
    """Put a picture (h, w, 3) 0..255 into a tile of the texture, in place; it is resized to fit."""
    tile = TILES[name]
    if image.shape[:2] != (tile.size, tile.size):
        image = cv2.resize(image, (tile.size, tile.size), interpolation=cv2.INTER_LINEAR)
    texture[tile.y : tile.y + tile.size, tile.x : tile.x + tile.size] = np.clip(image, 0, 255)
