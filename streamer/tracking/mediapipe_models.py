"""MediaPipe's bundled solutions, with their logs turned off and their results freed at once, and their landmarks in
camera units.

The library's own `__init__.py` files also import its functions that draw, and with them matplotlib: three quarters of
the time, a list of the system's fonts on a first start, and a folder in the user's home.
"""

from __future__ import annotations

import logging
import os
from types import SimpleNamespace
from typing import Any

import numpy as np

from streamer.frames import Image
from streamer.runtime.bare_packages import bare_packages

os.environ.setdefault("GLOG_minloglevel", "3")  # read by MediaPipe's C++ code when it is loaded
with bare_packages("mediapipe", ("python.solutions",), stay=True):
    # These describe options that the graphs have and no module below knows: without them they are left out silently.
    from mediapipe.calculators.core import flow_limiter_calculator_pb2  # noqa: F401
    from mediapipe.calculators.tensor import tensors_to_floats_calculator_pb2  # noqa: F401
    from mediapipe.calculators.util import (
        collection_has_min_size_calculator_pb2,  # noqa: F401
        landmark_projection_calculator_pb2,  # noqa: F401
    )
    from mediapipe.python import solution_base
    from mediapipe.python.solutions import face_detection, face_mesh, hands, pose, selfie_segmentation

from streamer.tracking.motion import VISIBILITY, Array, mirrored_joints

__all__ = [
    "camera_units",
    "face_detection",
    "face_mesh",
    "hands",
    "pose",
    "read_joints",
    "selfie_segmentation",
    "unseen_beyond",
]

logging.getLogger("absl").setLevel(logging.ERROR)

# `SolutionBase.process` makes a named tuple, which is a class, for each picture, and keeps the landmarks in it. A class
# refers to itself, so that only the garbage collector frees it, and what survives two of its rounds stays for minutes.
solution_base.collections = SimpleNamespace(namedtuple=lambda _name, _fields: SimpleNamespace())


def camera_units(landmarks: Any, shape: tuple[int, ...]) -> Array:
    """N landmarks of MediaPipe, 0..1 across an image of `shape` (H, W, …) → (N, 3) camera units; z is scaled like x."""
    height, width = shape[:2]
    points = np.array([(point.x, point.y, point.z) for point in landmarks], np.float32)
    points -= np.array([0.5, 0.5, 0], np.float32)
    return points * (np.array([width, height, width], np.float32) * 2 / max(width, height))


def read_joints(model: Any, pixels: Image, mirrored: bool = False) -> Array | None:
    """The 33 landmarks that a pose model finds in an image (H, W, 3), or in its mirror image: (33, 4) camera units of
    the image itself and visibility; None without a person.
    """
    found = model.process(np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels).pose_landmarks
    if not found:
        return None
    visibility = np.array([[point.visibility] for point in found.landmark], np.float32)
    joints = np.concatenate([camera_units(found.landmark, pixels.shape), visibility], axis=1)
    return mirrored_joints(joints) if mirrored else joints


def unseen_beyond(joints: Array, shape: tuple[int, ...]) -> Array:
    """Joints (33, 4), camera units of an image of `shape` (H, W, …), those beyond it with visibility 0."""
    reach = np.array(shape[1::-1]) / max(shape)
    is_beyond = (np.abs(joints[:, :2]) > reach).any(1, keepdims=True)
    return np.concatenate([joints[:, :VISIBILITY], np.where(is_beyond, 0, joints[:, VISIBILITY:])], axis=1)
