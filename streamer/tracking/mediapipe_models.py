"""MediaPipe's bundled solutions, kept quiet, and their landmarks in camera units."""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np

os.environ.setdefault("GLOG_minloglevel", "3")  # MediaPipe's C++ side reads it when it is loaded
from mediapipe.python.solutions import face_mesh, hands, pose

from streamer.tracking.motion import Array

__all__ = ["camera_units", "face_mesh", "hands", "pose"]

logging.getLogger("absl").setLevel(logging.ERROR)


def camera_units(landmarks: Any, shape: tuple[int, ...]) -> Array:
    """MediaPipe's landmarks, normalised to an image of `shape` (H, W, …) → (N, 3). Its z has the scale of its x."""
    height, width = shape[:2]
    points = np.array([(point.x, point.y, point.z) for point in landmarks], np.float32)
    points -= np.array([0.5, 0.5, 0], np.float32)
    return points * (np.array([width, height, width], np.float32) * 2 / max(width, height))
