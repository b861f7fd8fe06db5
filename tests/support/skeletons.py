"""A person who stands upright, facing the camera: joints and a face that belong together."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from models.geometry.body import (
    LEFT_ANKLE,
    LEFT_ELBOW,
    LEFT_FOOT,
    LEFT_HEEL,
    LEFT_HIP,
    LEFT_INDEX,
    LEFT_KNEE,
    LEFT_PINKY,
    LEFT_SHOULDER,
    LEFT_THUMB,
    LEFT_WRIST,
)  # fmt: skip
from streamer.rigging.canvas import Canvas, place_on_canvas
from streamer.tracking.head_guess import HEAD_LANDMARKS
from streamer.tracking.head_pose import CANONICAL
from tests.support.joints import mirrored_joints
from tests.support.pictures import opaque

WIDTH = 0.3  # canvas units between the shoulders
HEAD_SCALE = WIDTH / 4.1  # canvas units of a canonical one
# Places of the left side's joints in shoulder widths from the middle between the shoulders.
PLACES = {
    LEFT_SHOULDER: (0.5, 0), LEFT_ELBOW: (0.6, 0.85), LEFT_WRIST: (0.65, 1.6), LEFT_PINKY: (0.7, 1.9),
    LEFT_INDEX: (0.65, 1.95), LEFT_THUMB: (0.6, 1.8), LEFT_HIP: (0.3, 1.45), LEFT_KNEE: (0.3, 2.7),
    LEFT_ANKLE: (0.3, 3.9), LEFT_HEEL: (0.28, 4.0), LEFT_FOOT: (0.4, 4.2),
}  # fmt: skip
TOP = -0.35  # canvas units, y of the shoulders


def standing() -> np.ndarray:
    """(33, 4) joints, all visible."""
    joints = mirrored_joints({joint: (WIDTH * x, TOP + WIDTH * y) for joint, (x, y) in PLACES.items()}).numpy()
    joints[:11, :2] = face_of_standing()[1, :2]
    for joint, landmarks in HEAD_LANDMARKS.items():
        joints[joint, :3] = face_of_standing()[list(landmarks)].mean(0)
    return joints


def face_of_standing() -> np.ndarray:
    """(478, 3) landmarks above the shoulders."""
    return CANONICAL * np.float32(HEAD_SCALE) + np.array([0, TOP - 2.2 * HEAD_SCALE, 0], np.float32)


def grey_canvas(width: int = 64, height: int = 64) -> Canvas:
    """A canvas of 64 pixels with a grey picture of this size."""
    return place_on_canvas(opaque(np.full((height, width, 3), 128, np.uint8)), 64)


def landmark_list(points: np.ndarray, shape: tuple[int, int]) -> Any:
    """What MediaPipe returns for points (N, ≥3), camera units, on pixels of a shape (H, W); column 3 is visibility."""
    height, width = shape
    across = points[:, :3] / (np.array([width, height, width]) * 2 / max(width, height)) + (0.5, 0.5, 0)
    return SimpleNamespace(
        landmark=[
            SimpleNamespace(x=x, y=y, z=z, visibility=float(row[3]) if len(row) > 3 else 0.0)
            for (x, y, z), row in zip(across.tolist(), points, strict=True)
        ]
    )
