"""A neutral that faces as the picture does: measured against one that faces elsewhere, a character turns away from
where the picture looks as soon as the driver turns there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

from streamer.tracking.motion import Motion
from streamer.tracking.steadiness import steadiness

FROM_SIDE = math.radians(45)  # between the yaw of a neutral and that of the picture, from which another one is wanted
GAIN = math.radians(20)  # by how much nearer to the picture's its yaw must be
AS_NEAR = math.radians(10)  # of the nearest yaw, within which the calmest face is taken


def yaw_of(motion: Motion) -> float:
    """Radians by which a motion's head is turned to a side, about its own vertical; positive to the image's right, as
    in `models.geometry.turn_limit.yaw_of`.
    """
    return math.atan2(motion.head[2, 0], motion.head[2, 2])


def neutral_facing(neutral: Motion, motions: Iterable[Motion], yaw: float) -> Motion:
    """The calmest of the motions whose yaw is nearest to `yaw`, radians, that of a picture's head; `neutral` where that
    is near itself, or where none is much nearer.

    motions: of the neutral's scene, in order, read only if another neutral is wanted; those without a face, or without
    a body that the neutral has, are passed over.
    """
    before = _apart(neutral, yaw)
    if before < FROM_SIDE:
        return neutral
    faces = [each for each in motions if each.face is not None and (each.body is not None or neutral.body is None)]
    apart = {id(motion): _apart(motion, yaw) for motion in faces[1:]}
    nearest = min(apart.values(), default=before)
    if before - nearest < GAIN:
        return neutral
    rated = [
        (steadiness(last, motion).unsteadiness, motion)
        for last, motion in pairwise(faces)
        if apart[id(motion)] <= nearest + AS_NEAR
    ]
    return min(rated, key=lambda each: each[0])[1]


def _apart(motion: Motion, yaw: float) -> float:
    """Radians between a motion's yaw and another, 0..π; infinite where it is not finite."""
    apart = yaw_of(motion) - yaw
    return abs(math.remainder(apart, math.tau)) if math.isfinite(apart) else math.inf
