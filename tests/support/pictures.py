"""Pictures to rig: opaque ones from arrays, and a drawn cat with its hand-placed points."""

import cv2
import numpy as np

from streamer.rigging.picture import Picture

CAT_POINTS = {"left_eye": [135, 120], "right_eye": [225, 120], "nose": [180, 165], "mouth_left": [155, 190],
       "mouth_right": [205, 190], "chin": [180, 215]}  # fmt: skip


def opaque(rgb: np.ndarray, name: str = "test.png") -> Picture:
    return Picture(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]), name)


def cat() -> Picture:
    """A drawn cat, 360 x 260, in which no face is detected."""
    rgb = np.full((260, 360, 3), (120, 170, 200), np.uint8)
    for x in (115, 245):
        cv2.fillPoly(rgb, [np.array([[x - 25, 100], [x + 25, 100], [x, 30]])], (200, 120, 40))
    cv2.ellipse(rgb, (180, 145), (95, 80), 0, 0, 360, (220, 140, 50), -1)
    for x in (135, 225):
        cv2.ellipse(rgb, (x, 120), (18, 14), 0, 0, 360, (240, 240, 120), -1)
        cv2.ellipse(rgb, (x, 120), (5, 13), 0, 0, 360, (20, 20, 20), -1)
    cv2.fillPoly(rgb, [np.array([[170, 158], [190, 158], [180, 170]])], (230, 110, 120))
    cv2.ellipse(rgb, (168, 180), (13, 9), 0, 0, 180, (60, 30, 20), 2)
    cv2.ellipse(rgb, (192, 180), (13, 9), 0, 0, 180, (60, 30, 20), 2)
    return opaque(rgb, "cat.png")
