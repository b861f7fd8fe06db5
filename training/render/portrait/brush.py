"""Turns a rendered portrait into a painting: brush strokes that follow the forms, from broad to fine."""

from __future__ import annotations

import cv2
import numpy as np

from training.render.arrays import Array
from training.render.character.noise import Rng

SECTORS = 8
BRUSHES = (10.0, 5.0, 2.6, 1.5)  # half the widths of the strokes, pixels, from the first layer to the last
STROKE_STEPS = 5  # each as long as half the stroke's width
STROKE_ERROR = 0.045  # difference of the three colours together, above which a stroke is laid
COMB = np.array([0.8, 0.6], np.float32)  # direction of strokes on surfaces without edges


def kuwahara(image: Array, radius: float, sharpness: float = 8.0) -> Array:
    """Generalised Kuwahara filter (Papari, Petkov and Campisi 2007) of a picture (H, W, 3) 0..1.

    Each pixel takes the mean of those of the eight sectors around it that vary least. radius: pixels.
    """
    reach = int(np.ceil(2 * radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    bell = np.exp(-(x * x + y * y) / (2 * radius * radius))
    angle = np.arctan2(y, x)
    total, weight = np.zeros_like(image), np.zeros(image.shape[:2], np.float32)
    for n in range(SECTORS):
        turn = np.abs((angle - 2 * np.pi * n / SECTORS + np.pi) % (2 * np.pi) - np.pi)
        kernel = bell * np.clip(1.3 - turn / (np.pi / SECTORS) * 0.65, 0, 1)
        kernel[reach, reach] = 1 / SECTORS
        kernel = (kernel / kernel.sum()).astype(np.float32)
        mean = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT)
        square = cv2.filter2D(image * image, -1, kernel, borderType=cv2.BORDER_REFLECT)
        deviation = np.sqrt(np.maximum(square - mean * mean, 0).sum(2))
        share = 1 / (1e-4 + 60 * deviation) ** sharpness
        total += mean * share[..., None]
        weight += share
    return total / weight[..., None]


def stroke_field(image: Array) -> Array:
    """Unit directions (H, W, 2) along the edges of a picture, from its smoothed structure tensor."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    gx, gy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    a, b, c = (cv2.GaussianBlur(v, (0, 0), 5) for v in (gx * gx, gx * gy, gy * gy))
    # Surfaces without edges are painted in one direction.
    a, b, c = a + 2e-4 * COMB[1] ** 2, b - 2e-4 * COMB[0] * COMB[1], c + 2e-4 * COMB[0] ** 2
    angle = 0.5 * np.arctan2(2 * b, a - c) + np.pi / 2
    return np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)


def _lay_strokes(canvas: Array, image: Array, field: Array, radius: float, error_limit: float, rng: Rng) -> None:
    """Lay one layer of curved strokes onto canvas (H, W, 3), in place, wherever it differs from the picture.

    image (H, W, 3): the picture that the strokes approach. field (H, W, 2): their directions. radius: half the width of
    a stroke, pixels. error_limit: difference above which a stroke is laid.
    """
    height, width = image.shape[:2]
    softened = cv2.GaussianBlur(image, (0, 0), 0.5 * radius)
    error = cv2.GaussianBlur(np.abs(softened - canvas).sum(2), (0, 0), radius)
    spacing = max(1.0, 0.9 * radius)
    ys, xs = np.meshgrid(np.arange(0, height, spacing), np.arange(0, width, spacing), indexing="ij")
    starts = np.stack([xs.ravel(), ys.ravel()], 1) + rng.uniform(-spacing, spacing, (xs.size, 2)) * 0.6
    starts = rng.permutation(np.clip(starts, 0, [width - 1, height - 1]))
    for x, y in starts:
        row, column = int(y), int(x)
        if error[row, column] < error_limit:
            continue
        colour = softened[row, column] * (1 + rng.normal(0, 0.025)) + rng.normal(0, 0.008, 3)
        points, last = [(x, y)], field[row, column] * rng.choice([-1, 1])
        for _ in range(STROKE_STEPS):
            px, py = points[-1]
            if not (0 <= px < width and 0 <= py < height):
                break
            here = field[int(py), int(px)]
            here = here if here @ last >= 0 else -here
            if np.abs(softened[int(py), int(px)] - softened[row, column]).sum() > 4 * STROKE_ERROR:
                break
            points.append((px + here[0] * radius, py + here[1] * radius))
            last = here
        line = np.round(np.array(points, np.float64) * 16).astype(np.int32)
        cv2.polylines(canvas, [line], False, colour.tolist(), max(1, round(2 * radius)), cv2.LINE_AA, 4)


def paint_over(image: Array, detail: Array, seed: int) -> Array:
    """A painting (H, W, 3) of a picture (H, W, 3), sRGB 0..1: strokes from broad to fine (after Hertzmann 1998).

    detail (H, W): 0 where broad strokes may cover everything .. 1 where the drawing must stay, as in the eyes.
    """
    rng = np.random.default_rng(seed)
    fine = kuwahara(image, 1.6)
    keep = cv2.GaussianBlur(detail, (0, 0), 4)
    canvas = np.ascontiguousarray(kuwahara(image, 5.0))
    field = stroke_field(image)
    for radius in BRUSHES:
        # The broadest brush covers everything, also what is right already.
        _lay_strokes(canvas, fine, field, radius, STROKE_ERROR if radius < BRUSHES[0] else 0.0, rng)
    out = canvas + (fine - canvas) * (0.8 * keep)[..., None]
    grey = out.mean(2, keepdims=True)
    return np.clip(grey + (out - grey) * 1.12, 0, 1).astype(np.float32)
