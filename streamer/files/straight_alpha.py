"""Straight colours from premultiplied ones, continued beyond the edge for coders and players that mix neighbours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Image

LEVELS = 5  # halvings of the resolution through which colours spread, 32 pixels far
TRUST = 4 / 255  # alpha at which a pixel's own colour, known to 8 bits before the division, counts half


def straight_rgba(rgb: Image, alpha: Image) -> Image:
    """(H, W, 4) uint8 with straight colours, from premultiplied ones (H, W, 3) and alpha (H, W).

    Where little or nothing is to be seen, the colour is that of the neighbourhood: a coder with subsampled chroma, or a
    player that scales straight colours, would draw a dark rim from black ones.
    """
    whole = np.dstack([rgb, alpha]).astype(np.float32) / 255
    straight = _spread(whole, LEVELS)
    return np.dstack([np.round(straight * 255).clip(0, 255).astype(np.uint8), alpha])


def _spread(premultiplied: NDArray[np.float32], levels: int) -> NDArray[np.float32]:
    """Straight colours (H, W, 3) of premultiplied RGBA (H, W, 4), from half the resolution where alpha is low."""
    colour, alpha = premultiplied[..., :3], premultiplied[..., 3:]
    height, width = alpha.shape[:2]
    if levels == 0 or min(height, width) < 2:
        return colour / np.maximum(alpha, 1 / 255)
    half = cv2.resize(premultiplied, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    around = cv2.resize(_spread(half, levels - 1), (width, height), interpolation=cv2.INTER_LINEAR)
    weight = TRUST * (1 - alpha)
    return (colour + weight * around) / np.maximum(alpha + weight, 1e-6)
