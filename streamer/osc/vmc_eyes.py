"""Where the driver's eyes look as rotations of a humanoid's eye bones, as VMC and Unity have them (`vmc_pose.py`)."""

from __future__ import annotations

import math

import numpy as np

from models.geometry.expressions import INDEX
from streamer.osc.blendshape_names import LOOK_RADIANS
from streamer.osc.quaternions import Quaternion, about, product
from streamer.osc.vmc_bones import SIDES, Bone, on_side
from streamer.sources.expression import Array

_PLACE = (0.03, 0.06, 0.07)  # metres from the head bone, of the right eye of a usual person
_RIGHT, _UP = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])


def eye_bones(weights: Array) -> list[Bone]:
    """Both eyes, held by the head. weights: (E,) of `NAMES`, 0..1, of which 1 turns an eye by LOOK_RADIANS."""
    return [
        Bone(f"{name}Eye", on_side(_PLACE, side), turned(*look_angles(weights, side)))
        for side, name in enumerate(SIDES)
    ]


def look_angles(weights: Array, side: int) -> tuple[float, float]:
    """Radians down and to the driver's own left by which an eye has turned; what `look_values` makes weights of."""

    def of(name: str) -> float:
        return float(weights[INDEX[f"eyeLook{name}_{'LR'[side]}"]])

    outwards = 1 if side == 0 else -1
    return _angle(of("Down") - of("Up")), _angle(outwards * (of("Out") - of("In")))


def turned(down: float, left: float) -> Quaternion:
    """The rotation of an eye that looks so far down and to the driver's own left, radians."""
    return product(about(_UP, -left), about(_RIGHT, down))


def _angle(weight: float) -> float:
    return math.asin(weight * math.sin(LOOK_RADIANS))
