"""The face's motion from the camera's picture: the texture of the skin tells what the landmarks only guess.

Landmarks lay each frame's face back over a keyframe, which shows how far they were off. What is left between the two
pictures is found by dense inverse search (Kroeger et al.: Fast Optical Flow using Dense Inverse Search, ECCV 2016),
averaged as Lucas and Kanade do (IJCAI 1981), each place with as much to say as its texture shows, and given back to
the landmarks. Everything is compared with the one keyframe, so that nothing drifts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from kernels.mesh import rasterise
from models.geometry.rig import face_buckets
from models.geometry.topology import INNER_LIPS, LEFT_LID, RIGHT_LID, topology
from streamer.frames import Image
from streamer.tracking.image_points import crop_around, sample_area, to_camera_units, to_pixels
from streamer.tracking.motion import Array, face_size

QUICK, FINE = 128, 256  # pixels of the square in which faces are compared: live, and in files
ROOM = 1.05  # half of its side, in that of the landmarks
# Distances in 128ths of the square's side:
NEAR = 3.0  # pictures are compared in the contrast that they have within this distance, since light may change
FAR = 3.0  # landmarks are hardly ever wrong by more, other matches are
BORDER = 3.0  # along the face's border nothing is told: background comes and goes there
SPREAD = 3.0  # neighbours within this distance are asked
CONTRAST = 48.0  # grey levels that stand for a standard deviation of the picture nearby
FLAT = 16.0  # (grey levels)² of noise: less is not raised to full contrast
STRANGE = 24.0  # grey levels: a place that differs by as much tells little
DOUBT = 16.0  # (grey levels per 128th of the side)²: texture that counts as much as the landmarks do
CONFIDENT = 0.6  # landmarks that may make a keyframe
SUPPORT = 0.2  # share of the skin that looks as in the keyframe by mere chance; twice as much is believed entirely
GIVE_UP = 2.0  # s without more after which the next good frame becomes the keyframe

_STRIDE = 4  # pixels from one patch of the search to the next


@dataclass(frozen=True, slots=True)
class Key:
    """A keyframe: a square of n pixels, with cells of two by two.

    points (478, 2): its landmarks, pixels of the square; scale: pixels of the camera in one of them. corners
    (3, cells): the landmarks about each cell, shares (3, cells, 1): how near they are. covered (n, n) bool: where there
    is a face; skin (n/2, n/2) 0 or 1: what of it can be compared. look (n, n): the picture in its own contrast; texture
    (n/2, n/2, 3): xx, xy and yy of its gradients.
    """

    points: Array
    scale: float
    corners: NDArray[np.int64]
    shares: Array
    covered: NDArray[np.bool_]
    skin: Array
    look: Image
    texture: Array

    @classmethod
    def of(cls, rgb: Image, face: Array, side: int) -> Key:
        """From a frame (H, W, 3) and its landmarks (478, 3) in camera units. side: n."""
        unit, longest = side / 128, max(rgb.shape)
        rgb, found = crop_around(rgb, to_pixels(face[:, :2], rgb.shape))
        low, high = found.min(0), found.max(0)
        scale = ROOM * float((high - low).max()) / side
        corner = (low + high) / 2 - scale * (side - 1) / 2
        points = (found - corner) / scale
        places = np.concatenate([(points * 2 + 1) / side - 1, face[:, 2:]], 1).astype(np.float32)
        eyes = face_size(face) * longest / 2 / scale  # their distance, pixels of the square
        buckets = face_buckets(eyes / 2, torch.device("cpu"))
        corners, shares = rasterise(torch.from_numpy(places)[None], buckets, side // 2)
        covered = _filled([topology().oval.tolist()], points, side)
        openings = _filled([INNER_LIPS, RIGHT_LID, LEFT_LID], points, side)
        skin = cv2.erode(covered, _square(BORDER * unit)) & ~cv2.dilate(openings, _square(unit))
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        look = contrast(sample_area(grey, (_grid(side) * scale + corner).astype(np.float32), scale))
        across, down = (cv2.Sobel(look, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
        texture = cv2.blur(np.stack([across * across, across * down, down * down], -1), (5, 5))
        return cls(
            points.astype(np.float32), scale, corners[0].T.contiguous().numpy(), shares[0].T[..., None].numpy(),
            covered > 0, (_halved(skin) == 255).astype(np.float32), look, _halved(texture),
        )  # fmt: skip


class SkinTracker:
    """Corrects one person's landmarks. Of the camera's pictures it keeps one in memory, the keyframe's face, small and
    grey. side: `QUICK` or `FINE`. every: of so many frames it looks at one; in the others landmarks miss as much as
    there. Not thread-safe.
    """

    def __init__(self, side: int = QUICK, every: int = 1) -> None:
        self._side, self._every = side, every
        self._key: Key | None = None
        self._agreed = 0.0
        self._missed = np.zeros((478, 2), np.float32)  # pixels of the key's square
        self._age = 0  # frames since that was seen
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._search.setVariationalRefinementIterations(0)
        self._search.setPatchStride(_STRIDE)

    def track(self, rgb: Image, captured: float, face: Array, confidence: float) -> Array:
        """(478, 3) landmarks in camera units, each where the skin is on which it lay in the keyframe; depths stay.

        rgb (H, W, 3), face (478, 3): a frame and what was tracked in it. confidence: how far that can be believed,
        0..1. Skin that is hidden, strange or without texture leaves its landmarks as they are.
        """
        if self._key is None or not 0 <= captured - self._agreed <= GIVE_UP:
            if confidence >= CONFIDENT:
                self._key, self._agreed, self._age = Key.of(rgb, face, self._side), captured, self._every
            return face
        found = to_pixels(face[:, :2], rgb.shape)
        matrix = _linear(self._key.points, found)
        self._age += 1
        if self._age >= self._every:
            self._age = 0
            missed, support = self._compare(
                self._key, *crop_around(rgb, found), float(np.sqrt(abs(np.linalg.det(matrix))))
            )
            belief = np.float32(np.clip(support / SUPPORT - 1, 0, 1))
            self._missed = belief * missed
            if belief > 0:
                self._agreed = captured
        return np.concatenate([to_camera_units(found + self._missed @ matrix.T, rgb.shape), face[:, 2:]], axis=1)

    def _compare(self, key: Key, rgb: Image, found: Array, scale: float) -> tuple[Array, float]:
        """How far landmarks found (478, 2), pixels of a picture, are from their skin, pixels of the key's square
        (478, 2), in one of which lie `scale` of the picture's; and what share of the skin was seen.
        """
        unit, side = self._side / 128, self._side
        lie = sum(share * found.take(corner, 0) for share, corner in zip(key.shares, key.corners, strict=True))
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        laid = contrast(sample_area(grey, cv2.resize(lie.reshape(side // 2, side // 2, 2), (side, side)), scale))
        laid = np.where(key.covered, laid, key.look)
        step = self._search.calc(key.look, laid, None)
        strange = cv2.absdiff(cv2.remap(laid, _grid(side) + step, None, cv2.INTER_LINEAR), key.look)
        strange = cv2.GaussianBlur(_halved(strange).astype(np.float32), (0, 0), unit)
        step = _halved(step)
        near = np.maximum(*cv2.split(np.abs(step))) < FAR * unit
        seen = key.skin * near * np.exp(-np.square(strange / STRANGE))
        moves = averaged(step, key.texture * seen[..., None], unit)
        at = (key.points / 2 - 0.25)[:, None]
        missed = cv2.remap(moves, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
        return missed, float(seen.sum() / max(key.skin.sum(), 1))


def averaged(step: Array, texture: Array, unit: float) -> Array:
    """Displacements (m, m, 2) averaged over neighbours by their textures (m, m, 3), xx, xy, yy of the gradients; none
    where there is no texture. unit: a 128th of the square's side, pixels; cells are two pixels wide.
    """
    (xx, xy, yy), (x, y) = cv2.split(texture), cv2.split(step)
    sums = np.stack([xx, xy, yy, xx * x + xy * y, xy * x + yy * y], -1)
    xx, xy, yy, right, down = cv2.split(cv2.GaussianBlur(sums, (0, 0), SPREAD * unit / 2))
    xx, yy = xx + DOUBT / unit**2, yy + DOUBT / unit**2
    return np.stack([yy * right - xy * down, xx * down - xy * right], -1) / (xx * yy - xy * xy)[..., None]


def contrast(grey: Image) -> Image:
    """(n, n) with mean and deviation of each neighbourhood made alike."""
    values, near = grey.astype(np.float32), NEAR * len(grey) / 128
    away = values - cv2.GaussianBlur(values, (0, 0), near)
    power = cv2.GaussianBlur(away * away, (0, 0), near)
    return np.clip(away / np.sqrt(power + FLAT) * CONTRAST + 128, 0, 255).astype(np.uint8)


@cache
def _grid(side: int) -> Array:
    """(n, n, 2) x, y of pixels."""
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).astype(np.float32)


def _filled(rings: Sequence[Sequence[int]], points: Array, side: int) -> Image:
    """(n, n) 255 inside of rings of landmarks."""
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [np.rint(points[list(ring)]).astype(np.int32) for ring in rings], 255)
    return mask


def _square(reach: float) -> Image:
    return np.ones((2 * round(reach) + 1,) * 2, np.uint8)


def _halved(values: NDArray) -> NDArray:
    return np.asarray(cv2.resize(values, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def _linear(source: Array, target: Array) -> Array:
    """(2, 2) the linear part of the affine map that best carries source (N, 2) to target (N, 2)."""
    return np.asarray(np.linalg.lstsq(source - source.mean(0), target - target.mean(0), rcond=None)[0].T, np.float32)
