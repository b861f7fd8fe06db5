"""Faces that a tracker found where the head of the body is not, turned as it is not, or much smaller: in a hand, on a
shirt, or on a part of a head in profile.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from streamer.tracking.head_guess import face_of_head
from streamer.tracking.head_of_body import USUAL_GROWTH, sees_head
from streamer.tracking.head_pose import head_pose, rotation_vector
from streamer.tracking.motion import Motion

# How far a true face may be from the one that the head's joints tell: canonical units, and radians. Of 1,500 frames of
# fifteen clips all but two stay below .7 and .75; those are turned by 1.1 and 1.7.
MAX_SHIFT, MAX_TURN = 0.9, 0.9
# Log of its size over the usual one beside those joints: 445 faces of fourteen clips are above −.2. Joints of heads in
# profile are too narrow themselves, so that large faces tell nothing.
MIN_GROWTH = -0.3


def without_false_faces(motions: Iterable[Motion]) -> Iterator[Motion]:
    """The same motions; those with a false face have none. Where no head of a body is seen nothing is judged."""
    for motion in motions:
        yield replace(motion, face=None, face_confidence=0.0) if is_false(motion) else motion


def is_false(motion: Motion) -> bool:
    """Whether the joints of the head contradict the face."""
    if motion.face is None or motion.body is None or not sees_head(motion.body):
        return False
    found, expected = head_pose(motion.face), head_pose(face_of_head(motion.body))
    shift = float(np.linalg.norm(found.shift - expected.shift)) / expected.scale
    turn = float(np.linalg.norm(rotation_vector(expected.rotation.T @ found.rotation)))
    growth = math.log(found.scale / expected.scale) - USUAL_GROWTH
    return shift > MAX_SHIFT or turn > MAX_TURN or growth < MIN_GROWTH
