"""Light and shadow on the driver's skin: its brightness on the canonical face, relative to a running average."""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from kernels.shade import SPECULAR_REFLECTANCE
from models.geometry.shading import MIN_SKIN_WEIGHT, SKIN_SIDE, SQUARE_HALF, skin_square
from models.geometry.topology import MESH, topology
from models.motion import SHADE_SIDE
from streamer.frames import Image
from streamer.tracking.image_points import crop_around, sample_area, to_pixels
from streamer.tracking.motion import Array
from streamer.tracking.running_average import RunningAverage

BLUR_SIGMA = 0.1  # canonical units; finer detail belongs to the person's own skin
FACING_AREA = (0.1, 0.4)  # area of skin in the picture over the median: turned away (weight 0), facing (weight 1)
EXPOSURE_ADAPTATION_S = 20.0  # time constant in which the average follows another exposure or lamp


class ShadingTracker:
    """Measures the skin of one person. Stores no picture, only the average brightness. Not thread-safe."""

    def __init__(self) -> None:
        self._average = RunningAverage[float](EXPOSURE_ADAPTATION_S)  # log brightness

    def track(self, rgb: Image, captured: float, face: Array) -> Array:
        """(n, n, 2) `Motion.shade` of a frame (H, W, 3) with landmarks (478, 3) in camera units."""
        log, weight = skin_brightness(rgb, face)
        total = float(weight.sum())
        if total < 1:
            return np.zeros((SHADE_SIDE, SHADE_SIDE, 2), np.float32)
        average = self._average.update(float((log * weight).sum()) / total, captured)
        premultiplied = np.stack([(log - np.float32(average)) * weight, weight], -1)
        sigma = BLUR_SIGMA * SKIN_SIDE / (2 * SQUARE_HALF)  # cells
        blurred = cv2.GaussianBlur(premultiplied, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        coarse = np.asarray(cv2.resize(blurred, (SHADE_SIDE, SHADE_SIDE), interpolation=cv2.INTER_AREA), np.float32)
        coverage = coarse[..., 1:]  # one half at the border of the skin, from where the weight is 1
        return coarse * (np.minimum(2 * coverage, 1) / np.maximum(coverage, MIN_SKIN_WEIGHT))


def skin_brightness(rgb: Image, face: Array) -> tuple[Array, Array]:
    """Log of the skin's brightness (m, m) on the canonical square, m = 2·`SHADE_SIDE`, and its weight (m, m), 0..1.

    Openings and skin that is turned away have weight 0. rgb (H, W, 3); face (478, 3) in camera units.
    """
    corners, weights, skin, area_scale = _canonical_cells()
    rgb, found = crop_around(rgb, to_pixels(face[:MESH, :2], rgb.shape))
    triangles = found.take(corners, 0)  # (3, m², 2)
    grid = (weights * triangles).sum(0).reshape(SKIN_SIDE, SKIN_SIDE, 2)
    (ax, ay), (bx, by) = ((triangles[k] - triangles[0]).T for k in (1, 2))
    area = ((ax * by - ay * bx) * area_scale).reshape(SKIN_SIDE, SKIN_SIDE)  # of each cell, pixels²
    median_area = max(float(np.median(area[skin > 0])), 1e-3)
    facing = np.clip((area / median_area - FACING_AREA[0]) / (FACING_AREA[1] - FACING_AREA[0]), 0, 1)
    grey = sample_area(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), grid, math.sqrt(median_area)).astype(np.float32) / 255
    return np.log(grey + np.float32(SPECULAR_REFLECTANCE)), skin * facing.astype(np.float32)


@cache
def _canonical_cells() -> tuple[NDArray[np.int64], Array, Array, Array]:
    """The cells of `models.geometry.shading.skin_square` as arrays.

    corners: (3, m²) landmarks of the triangle that covers each cell. weights: (3, m², 1) barycentric. skin: (m, m) 0 or
    1. area_scale: (m²,) factor from the doubled area of a triangle to that of the cell.
    """
    corners, weights, skin = skin_square("cpu")
    triangles = topology().canonical[corners, :2]
    (ax, ay), (bx, by) = ((triangles[:, k] - triangles[:, 0]).T for k in (1, 2))
    area_scale = (2 * SQUARE_HALF / SKIN_SIDE) ** 2 / (ax * by - ay * bx).clamp_min(1e-4)
    return corners.T.contiguous().numpy(), weights.T[..., None].contiguous().numpy(), skin.numpy(), area_scale.numpy()
