"""A head with strands of hair before a plain backdrop, whose alpha is known."""

import cv2
import numpy as np

from models.geometry.topology import topology
from streamer.rigging.matting import CoarseMatte

SIDE = 160
HAIR = np.array([0.25, 0.12, 0.08], np.float32)
BACKDROP = np.array([0.8, 0.85, 0.9], np.float32)


def true_alpha() -> np.ndarray:
    """(SIDE, SIDE) of a round head from which thin strands stand off."""
    large = np.zeros((4 * SIDE, 4 * SIDE), np.float32)
    centre = (2 * SIDE, 2 * SIDE)
    cv2.circle(large, centre, SIDE, 1.0, -1)
    for angle in np.linspace(np.pi, 2 * np.pi, 15):
        tip = (int(centre[0] + 1.1 * SIDE * np.cos(angle)), int(centre[1] + 1.1 * SIDE * np.sin(angle)))
        cv2.line(large, centre, tip, 1.0, 4)
    return cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def face() -> np.ndarray:
    """(478, 2) a face that covers the head, pixels."""
    points = topology().canonical[:, :2].numpy()
    points = (points - points.min(0)) / np.ptp(points, axis=0).max()
    return points * 0.45 * SIDE + 0.28 * SIDE


def coarse(alpha: np.ndarray) -> CoarseMatte:
    """What a segmentation network sees of an alpha: the head without its strands."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    blob = cv2.GaussianBlur(cv2.morphologyEx(alpha, cv2.MORPH_OPEN, kernel), (0, 0), 2)
    return CoarseMatte(blob, np.zeros_like(blob))


def picture(alpha: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE, 3) hair of this alpha before a plain backdrop."""
    return (alpha[..., None] * HAIR + (1 - alpha[..., None]) * BACKDROP).astype(np.float32)
