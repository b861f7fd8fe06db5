"""Arms as MediaPipe measures them: of usual lengths, and twice as deep as they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from models.geometry.body import ARMS, LEFT_SHOULDER, RIGHT_SHOULDER
from models.geometry.proportions import DEPTH_TRUST, LOWER, UPPER, USUAL_LENGTHS
from streamer.tracking.motion import VISIBILITY, Array


def put_arm(body: Array, side: int, upper: ArrayLike, lower: ArrayLike) -> None:
    """Put elbow and wrist of joints (33, 4), in place, where an arm with these directions, camera axes, is measured."""
    shoulder, elbow, wrist = ARMS[side]
    size = np.linalg.norm(body[LEFT_SHOULDER, :2] - body[RIGHT_SHOULDER, :2])
    at = body[shoulder, :VISIBILITY]
    for joint, direction, bones in ((elbow, upper, UPPER), (wrist, lower, LOWER)):
        way = np.asarray(direction) / np.linalg.norm(direction) * size * USUAL_LENGTHS[bones][0]
        at = at + way * [1, 1, 1 / DEPTH_TRUST]
        body[joint] = (*at, 1)
