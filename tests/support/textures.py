"""Textures for optical flow: soft noise with features of a few pixels, as skin and clothes have."""

import cv2
import numpy as np
from numpy.typing import NDArray


def soft_noise(height: int, width: int, contrast: float, seed: int = 0) -> NDArray[np.uint8]:
    """(height, width) uint8 grey; contrast: factor of the blurred noise."""
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 4)
    return np.clip((soft - soft.mean()) * contrast + 128, 0, 255).astype(np.uint8)


def rgb(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey (height, width) as RGB (height, width, 3)."""
    return np.repeat(grey[..., None], 3, axis=2)
