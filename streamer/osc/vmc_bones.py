"""What the bones of a humanoid have in common that VMC sends: names of sides, places, and how they come and go."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streamer.osc.quaternions import Quaternion, Vector, slerp
from streamer.tracking.motion import smooth_share

EASE_S = 0.3  # in which what begins to be seen comes from its rest, and what is not seen any more goes there
SIDES = ("Left", "Right")


class Bone(NamedTuple):
    """Of a humanoid, relative to the bone that holds it. place: (3,) metres."""

    name: str
    place: tuple[float, float, float]
    rotation: Quaternion


class EasedRotation:
    """One bone, which goes to its rest where it is not seen, and comes from there."""

    def __init__(self, rest: Quaternion) -> None:
        self._rest = self._seen = rest
        self._level = 0.0

    def __call__(self, rotation: Quaternion | None, step_s: float) -> Quaternion:
        """As it is shown `step_s` later. rotation: as it is seen, None: not at all."""
        if rotation is not None:
            self._seen = rotation
        change = step_s / EASE_S
        self._level = min(max(self._level + (change if rotation is not None else -change), 0.0), 1.0)
        if self._level == 1.0:
            return self._seen
        return slerp(self._rest, self._seen, smooth_share(self._level))


def outwards(side: int) -> Vector:
    """Where an arm points in a T-pose, on Unity's axes."""
    return np.array([-1.0, 0.0, 0.0] if side == 0 else [1.0, 0.0, 0.0])


def on_side(place: tuple[float, float, float], side: int) -> tuple[float, float, float]:
    """A place of the right side, or its mirror image on the left."""
    x, y, z = place
    return (-x if side == 0 else x, y, z)
