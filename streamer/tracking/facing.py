"""A neutral that faces as the picture does: motion since one from the side turns a character that faces the camera away
from it as soon as the driver turns to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from streamer.tracking.motion import Motion
from streamer.tracking.steadiness import steadiness

FROM_SIDE = math.radians(45)  # between the yaw of a neutral and that of the picture, from which another one is wanted
GAIN = math.radians(20)  # by how much nearer to the picture's its yaw must be
AS_NEAR = math.radians(10)  # of the nearest yaw, within which the calmest face is taken


def yaw_of(motion: Motion) -> float:
    """Radians by which a motion's head is turned to a side, along its own vertical; positive to the image's right."""
    return math.atan2(motion.head[2, 0], motion.head[2, 2])


def neutral_facing(neutral: Motion, motions: Sequence[Motion], yaw: float) -> Motion:
    """The calmest of the motions that face as nearly as any as a head of this yaw, radians, does; `neutral` where that
    faces nearly so itself, or where none does so much better.

    motions: of the neutral's scene, in order; those without a face, or without a body that the neutral has, are passed
    over.
    """
    before = _apart(neutral, yaw)
    faces = [each for each in motions if each.face is not None and (each.body is not None or neutral.body is None)]
    apart = {id(motion): _apart(motion, yaw) for motion in faces[1:]}
    nearest = min(apart.values(), default=before)
    if before < FROM_SIDE or before - nearest < GAIN:
        return neutral
    rated = [
        (steadiness(last, motion).unsteadiness, motion)
        for last, motion in pairwise(faces)
        if apart[id(motion)] <= nearest + AS_NEAR
    ]
    return min(rated, key=lambda each: each[0])[1]


def _apart(motion: Motion, yaw: float) -> float:
    """Radians between a motion's yaw and another, 0..π."""
    return abs(math.remainder(yaw_of(motion) - yaw, math.tau))
