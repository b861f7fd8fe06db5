"""Light and shadow on the driver's skin, from the camera's picture."""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from kernels.shade import SPECULAR_REFLECTANCE
from models.geometry.shading import FINE, HALF, SEEN, square
from models.geometry.topology import MESH, topology
from models.motion import SHADE_SIDE
from streamer.frames import Image
from streamer.tracking.image_points import crop_around, sample_area, to_pixels
from streamer.tracking.motion import Array
from streamer.tracking.running_average import Usual

BLUR = 0.1  # canonical units; finer than that is the person's own
FACING = (0.1, 0.4)  # size of skin in the picture, in that of most of it: from turned away to well seen
ADAPT = 20.0  # s in which another exposure, or another lamp, becomes the usual one


class ShadeTracker:
    """One person's. Keeps no picture, only how bright the face has been of late. Not thread-safe."""

    def __init__(self) -> None:
        self._usual = Usual[float](ADAPT)  # mean log of the skin's brightness

    def track(self, rgb: Image, captured: float, face: Array) -> Array:
        """(n, n, 2) `Motion.shade` of a frame (H, W, 3) and the landmarks (478, 3) in it, camera units."""
        log, weight = look(rgb, face)
        total = float(weight.sum())
        if total < 1:
            return np.zeros((SHADE_SIDE, SHADE_SIDE, 2), np.float32)
        usual = self._usual.update(float((log * weight).sum()) / total, captured)
        sums = np.stack([(log - np.float32(usual)) * weight, weight], -1)
        blurred = cv2.GaussianBlur(sums, (0, 0), BLUR * FINE / (2 * HALF), borderType=cv2.BORDER_CONSTANT)
        coarse = np.asarray(cv2.resize(blurred, (SHADE_SIDE, SHADE_SIDE), interpolation=cv2.INTER_AREA), np.float32)
        share = coarse[..., 1:]  # at the skin's border it is a half
        return coarse * (np.minimum(2 * share, 1) / np.maximum(share, SEEN))


def look(rgb: Image, face: Array) -> tuple[Array, Array]:
    """Log of the skin's brightness (m, m) on the canonical square, m = 2·`SHADE_SIDE`, and how well it is seen
    (m, m), 0..1: openings, and what is turned away, not at all.
    """
    corners, shares, skin, cell = _square()
    rgb, found = crop_around(rgb, to_pixels(face[:MESH, :2], rgb.shape))
    at = found.take(corners, 0)  # (3, m², 2)
    places = (shares * at).sum(0).reshape(FINE, FINE, 2)
    (ax, ay), (bx, by) = ((at[k] - at[0]).T for k in (1, 2))
    size = ((ax * by - ay * bx) * cell).reshape(FINE, FINE)  # pixels² of a cell
    usual = max(float(np.median(size[skin > 0])), 1e-3)
    facing = np.clip((size / usual - FACING[0]) / (FACING[1] - FACING[0]), 0, 1)
    grey = sample_area(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), places, math.sqrt(usual)).astype(np.float32) / 255
    return np.log(grey + np.float32(SPECULAR_REFLECTANCE)), skin * facing.astype(np.float32)


@cache
def _square() -> tuple[NDArray[np.int64], Array, Array, Array]:
    """`square` for one picture at a time: landmarks (3, m²) and shares (3, m², 1) of the cells; skin (m, m) 0 or 1;
    what the area of each cell's triangle is multiplied by, (m²,), to be that of the cell.
    """
    corners, shares, skin = square("cpu")
    at = topology().canonical[corners, :2]
    (ax, ay), (bx, by) = ((at[:, k] - at[:, 0]).T for k in (1, 2))
    cell = (2 * HALF / FINE) ** 2 / (ax * by - ay * bx).clamp_min(1e-4)
    return corners.T.contiguous().numpy(), shares.T[..., None].contiguous().numpy(), skin.numpy(), cell.numpy()
