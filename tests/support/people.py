"""Synthetic motions of one person."""

from dataclasses import replace

import numpy as np
import torch

from models.geometry.body import LEFT_SHOULDER, RIGHT_SHOULDER
from models.geometry.openings import lid_pairs, mouth_share
from models.geometry.topology import LEFT_LID, LOWER_LIP_INNER, RIGHT_LID, UPPER_LIP_INNER
from streamer.tracking.head_pose import CANONICAL, HeadTransform, rotation_matrix
from streamer.tracking.motion import Motion

STEP = 1 / 25  # seconds between frames


def person(at=0.0, turn=(0.0, 0.0, 0.0), shift=(0.0, 0.0, 0.0), mouth=0.0, body=True, eyes=(1.0, 1.0), smile=0.0):
    """A motion at `at` seconds. turn: rotation vector of the head. mouth: opening in units of the eye distance. eyes:
    openings of the right and the left eye over those of the canonical face. smile: by how much the mouth is wider.
    """
    shape = CANONICAL.copy()
    shape[LOWER_LIP_INNER, 1] = shape[UPPER_LIP_INNER, 1] + mouth
    for ring, opening in zip((RIGHT_LID, LEFT_LID), eyes, strict=True):
        upper, lower = (list(lid) for lid in lid_pairs(ring))
        shape[upper] = shape[lower] + np.float32(opening) * (shape[upper] - shape[lower])
    shape[:, 0] *= 1 + np.float32(smile) * mouth_share(torch.device("cpu")).numpy()
    face = HeadTransform(0.3, rotation_matrix(np.array(turn, float)), np.array(shift, float)).apply(shape)
    joints = np.zeros((33, 4), np.float32)
    joints[LEFT_SHOULDER], joints[RIGHT_SHOULDER] = (0.5, 0.8, 0, 1), (-0.5, 0.8, 0, 1)
    joints[:, :3] += shift
    return Motion.still(face, joints if body else None, at)


def nobody(at=0.0):
    """A motion without a face at `at` seconds."""
    return Motion(at)


def with_torso(x, keyframe=1.0, confidence=1.0, captured=0.0):
    """A motion of the canonical face with torso points about `x`, of a keyframe."""
    torso = np.array([[x + 0.4, 0.3, keyframe, confidence], [x - 0.4, 0.3, keyframe, confidence]], np.float32)
    return replace(Motion.still(CANONICAL, captured=captured), torso=torso)
