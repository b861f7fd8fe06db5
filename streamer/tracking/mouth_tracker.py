"""What the driver's open mouth shows, from the camera's picture: teeth, tongue and the dark."""

from __future__ import annotations

import cv2
import numpy as np

from models.closeups.mouth import CHEEK_LANDMARKS, SCLERA_LANDMARKS
from models.geometry.topology import INNER_LIPS
from models.motion import MOUTH_COLUMNS, MOUTH_ROWS
from streamer.frames import Image
from streamer.tracking.image_points import crop_around, sample_area, to_pixels
from streamer.tracking.motion import Array
from streamer.tracking.running_average import Usual

APART = (1.5, 4.0)  # pixels between the lips: from nothing to be told to all
GLARE = 1.25  # times as bright as white: brighter is told as that
ADAPT = 0.5  # s in which white is what it has become

_RING, _HALF = list(INNER_LIPS), len(INNER_LIPS) // 2


class MouthTracker:
    """One person's. Keeps no picture, only what has been white of late. Not thread-safe."""

    def __init__(self) -> None:
        self._white = Usual[Array](ADAPT)

    def track(self, rgb: Image, captured: float, face: Array) -> Array:
        """(h, w, 4) `Motion.mouth` of a frame (H, W, 3) and the landmarks (478, 3) in it, camera units."""
        rgb, found = crop_around(rgb, to_pixels(face[:, :2], rgb.shape))
        usual = self._white.update(white(rgb, found), captured)
        places, apart = cells(found[_RING])
        weight = np.clip((apart - APART[0]) / (APART[1] - APART[0]), 0, 1)[None, :, None]
        step = max(float(apart.max()) / MOUTH_ROWS, float(np.linalg.norm(places[0, -1] - places[0, 0])) / MOUTH_COLUMNS)
        shown = np.clip(sample_area(rgb, places, step) / usual, 0, GLARE)
        return np.concatenate([shown, np.ones_like(shown[..., :1])], -1) * weight


def cells(ring: Array) -> tuple[Array, Array]:
    """Places (h, w, 2) in an opening, from corner to corner and from lip to lip; and how far its lips are apart, (w,).
    ring (N, 2): from one corner over the top, pixels.
    """
    start, end = ring[0], ring[_HALF]
    axis = (end - start) / max(float(np.linalg.norm(end - start)), 1e-3)
    turn = np.array([axis, [-axis[1], axis[0]]], np.float32)  # to where the corners are level
    level = (ring - start) @ turn.T
    across = (np.arange(MOUTH_COLUMNS, dtype=np.float32) + 0.5) / MOUTH_COLUMNS * level[_HALF, 0]
    top = lip(level[: _HALF + 1], across)
    apart = lip(np.concatenate([level[_HALF:], level[:1]]), across) - top
    down = top + (np.arange(MOUTH_ROWS, dtype=np.float32)[:, None] + 0.5) / MOUTH_ROWS * apart
    return np.stack([np.broadcast_to(across, down.shape), down], -1) @ turn + start, apart


def lip(chain: Array, across: Array) -> Array:
    """(w,) how low a chain of points (N, 2) hangs at places across (w,)."""
    order = chain[:, 0].argsort()
    return np.interp(across, chain[order, 0], chain[order, 1]).astype(np.float32)


def white(rgb: Image, found: Array) -> Array:
    """(3,) `models.closeups.mouth.white_point` of one picture (H, W, 3) with landmarks (478, 2) in pixels, 0..255, at
    least 1.
    """
    eyes = [(found[start] + found[end]) / 2 for start, end in SCLERA_LANDMARKS]
    spots = np.concatenate([found[list(CHEEK_LANDMARKS)], eyes])[:, None]
    seen = cv2.remap(rgb, spots, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0].astype(np.float32)
    cheek, eye = np.median(seen[: len(CHEEK_LANDMARKS)], 0), max(seen[len(CHEEK_LANDMARKS) :], key=np.mean)
    return np.maximum(max(cheek, eye, key=np.mean), 1)
