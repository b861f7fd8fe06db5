"""Made-up motions of one person, for tests of what works on motions."""

import numpy as np

from streamer.tracking.head_pose import CANONICAL, HeadTransform, rotation_matrix
from streamer.tracking.motion import Motion

STEP = 1 / 25


def person(at=0.0, turn=(0.0, 0.0, 0.0), shift=(0.0, 0.0, 0.0), mouth=0.0, body=True):
    """A motion at `at` seconds. turn: rotation vector of the head. mouth: opening in units of the eye distance."""
    shape = CANONICAL.copy()
    shape[14, 1] = shape[13, 1] + mouth
    face = HeadTransform(0.3, rotation_matrix(np.array(turn, float)), np.array(shift, float)).apply(shape)
    joints = np.zeros((33, 4), np.float32)
    joints[11], joints[12] = (0.5, 0.8, 0, 1), (-0.5, 0.8, 0, 1)
    joints[:, :3] += shift
    return Motion.still(face, joints if body else None, at)


def nobody(at=0.0):
    return Motion(at)
