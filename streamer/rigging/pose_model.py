"""MediaPipe's pose model on a crop of a canvas, or on its mirror image."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.geometry.body import HEAD_JOINTS, LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER
from streamer.rigging.canvas import Array, Box, Canvas, picture_crop
from streamer.tracking.mediapipe_models import pose, read_joints, unseen_beyond
from streamer.tracking.motion import VISIBILITY

POSE_SIDE = 512  # pixels of a crop on which the model runs; it takes 256 of the person
WELL_SEEN = 0.8  # visibility of head, shoulders and hips from which a body is a person's whatever the face
TRUNK = [LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP]


def pose_model(segments: bool = False) -> Any:
    """MediaPipe's pose model for single pictures, a context manager, which with `segments` finds a mask, too."""
    # Other complexities are not in MediaPipe's wheel.
    return pose.Pose(static_image_mode=True, model_complexity=1, enable_segmentation=segments)


def detect_joints(model: Any, canvas: Canvas, box: Box, mirrored: bool = False) -> Array | None:
    """(33, 4) joints of the most prominent person in a box: x, y, z in canvas units, visibility; None without.

    A joint beyond the box has visibility 0. mirrored: look at the box's mirror image; the joints are those of the
    picture itself all the same.
    """
    shown = picture_crop(canvas, box, POSE_SIDE)
    if shown is None:
        return None
    pixels, (x, y, half) = shown
    joints = read_joints(model, pixels, mirrored)
    if joints is None:
        return None
    joints = unseen_beyond(joints, pixels.shape)
    joints[:, :3] *= half
    joints[:, :2] += np.array([x, y], np.float32)
    return joints


def sees_whole_person(joints: Array) -> bool:
    """Whether joints (33, 4) are those of a person whose head and trunk are well seen."""
    return bool(min(joints[TRUNK, VISIBILITY].min(), joints[HEAD_JOINTS, VISIBILITY].min()) > WELL_SEEN)
