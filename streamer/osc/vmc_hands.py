"""The points of a hand whose fingers VMC sends as bones of an avatar: what a camera's tracker would measure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from streamer.osc.vmc_bones import SIDES, on_side
from streamer.osc.vmc_fingers import FINGERS, MIDDLE, PARTS

Matrix = NDArray[np.float64]
POINTS = 21


def finger_bone_names(side: int) -> list[str]:
    """Those of one hand, in lower case."""
    return [(SIDES[side] + finger.name + part).lower() for finger in FINGERS for part in PARTS]


def hand_points(hand: Matrix, bones: Mapping[str, Matrix], side: int) -> Matrix | None:
    """Points (21, 3) from the wrist on the camera's axes, of which the middle finger's knuckle is 1 away; None where no
    finger is sent.

    hand: (3, 3) rotation on the same axes. bones: rotations by name in lower case, relative to the bone that holds
    each; those that are missing are as in the T-pose. side: 0 left, 1 right, the driver's own.
    """
    if not any(name in bones for name in finger_bone_names(side)):
        return None
    points = np.zeros((POINTS, 3))
    for finger in FINGERS:
        held, place = hand, np.zeros(3)
        offsets = [-np.array(on_side(each, side)) for each in (*finger.places, finger.places[-1])]  # on these axes
        for number, offset in enumerate(offsets):
            place = place + held @ offset
            points[finger.first + number] = place
            if number < len(PARTS):
                held = held @ bones.get((SIDES[side] + finger.name + PARTS[number]).lower(), np.eye(3))
    return points / np.linalg.norm(points[MIDDLE])
