"""From linear light to a picture: light bleeds through skin, lids shade the eyes, samples become sRGB pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.arrays import Array
from training.render.portrait.skin import linear

SIZE = 768  # pixels, of the picture's side


def scatter(light: Array, covered: NDArray[np.bool_], soft: NDArray[np.bool_], reach: Array) -> Array:
    """Light (H, W, 3) blurred within the skin, each colour as far as it travels there (Jensen et al. 2001).

    soft (N,): which covered samples scatter light. reach (3,): samples, of red, green and blue.
    """
    mask = np.zeros(covered.shape, np.float32)
    mask[covered] = soft
    out = light.copy()
    for channel, sigma in enumerate(reach):
        if sigma < 0.5:
            continue
        wide = cv2.GaussianBlur(light[..., channel] * mask, (0, 0), sigma)
        share = cv2.GaussianBlur(mask, (0, 0), sigma)
        near = cv2.GaussianBlur(light[..., channel] * mask, (0, 0), sigma / 3)
        near_share = cv2.GaussianBlur(mask, (0, 0), sigma / 3)
        blurred = 0.6 * wide / np.maximum(share, 1e-4) + 0.4 * near / np.maximum(near_share, 1e-4)
        out[..., channel] = np.where(mask > 0, blurred, light[..., channel])
    return out


def moisten(canvas: Array, eyes: NDArray[np.bool_], per_cm: float) -> None:
    """Darken the eyeball below the upper lid and the edge of the lids, in place, where lashes and lids shade them."""
    eye = eyes.astype(np.uint8)
    if not eye.any():
        return
    outside = cv2.distanceTransform(1 - eye, cv2.DIST_L2, 5) / per_cm
    inside = cv2.distanceTransform(eye, cv2.DIST_L2, 5) / per_cm
    # How much of the neighbourhood above is lid: 1 below the upper lid, 0 above the lower one.
    reach = max(1, int(0.28 * per_cm))
    moved = np.zeros_like(eye)
    moved[reach:] = eye[:-reach]
    shade = cv2.GaussianBlur((1 - moved).astype(np.float32), (0, 0), 0.11 * per_cm)
    canvas *= (1 - 0.62 * shade * (eye > 0))[..., None]
    canvas *= (1 - 0.25 * np.exp(-((inside / 0.06) ** 2)) * (eye > 0))[..., None]
    line = np.exp(-((outside / 0.055) ** 2)) * (eye == 0)
    canvas *= 1 - (line * 0.55)[..., None] * np.array([0.75, 1.0, 1.0], np.float32)


def resolve(canvas: Array, covered: NDArray[np.bool_], scale: int) -> tuple[Array, Array]:
    """Premultiplied picture (S, S, 3) and its alpha (S, S), box-filtered; single bright samples are bounded."""
    side = canvas.shape[0] // scale
    bounded = np.minimum(canvas, 2.5) * covered[..., None]
    image = bounded.reshape(side, scale, side, scale, 3).mean((1, 3))
    return image, covered.reshape(side, scale, side, scale).mean((1, 3)).astype(np.float32)


def backdrop(colours: tuple[tuple[int, int, int], tuple[int, int, int]]) -> Array:
    """Linear background (SIZE, SIZE, 3): a soft glow behind the head that darkens to the corners."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / SIZE
    distance = np.hypot((x - 0.5) * 1.05, (y - 0.42) * 0.95) / 0.72
    share = np.clip(distance, 0, 1)[..., None]
    share = share * share * (3 - 2 * share)
    middle, edge = linear(colours[0]), linear(colours[1])
    return (middle + (edge - middle) * share).astype(np.float32)


def develop(image: Array) -> Array:
    """sRGB 0..1 of linear light, with a soft shoulder for the highlights."""
    knee = 0.62
    over = np.maximum(image - knee, 0)
    image = np.where(image > knee, knee + (1 - knee) * (1 - np.exp(-over / (1 - knee))), image)
    image = np.clip(image, 0, 1)
    out = np.where(image <= 0.0031308, image * 12.92, 1.055 * image ** (1 / 2.4) - 0.055)
    return out.astype(np.float32)
