"""Hands as MediaPipe measures them, with fingers that a test bends."""

from __future__ import annotations

import math

import numpy as np

from streamer.osc.quaternions import Quaternion, rotated
from streamer.osc.vmc_bones import outwards
from streamer.tracking.motion import Array

FRONT, DOWN = np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0])
FIRST = {"Index": 5, "Middle": 9, "Ring": 13, "Little": 17}
KNUCKLES = {"Index": 0.03, "Middle": 0.0, "Ring": -0.02, "Little": -0.04}  # metres to the front of the middle one


def hand_of(side: int, bends: tuple[float, float, float], spread: float, thumb: float, turn: Quaternion) -> Array:
    """Points (21, 3) of a hand in camera units: a T-pose's, whose fingers are bent towards the palm by these degrees,
    bone by bone, and spread to the front, and whose thumb lies so many degrees below the palm's plane; then turned.
    """
    out = outwards(side)
    points = np.zeros((21, 3))
    for name, first in FIRST.items():
        points[first] = 0.09 * out + KNUCKLES[name] * FRONT
        bent = 0.0
        for point, degrees in enumerate(bends, first + 1):
            bent += math.radians(degrees)
            flat = math.cos(math.radians(spread)) * out + math.sin(math.radians(spread)) * FRONT
            straight = math.cos(bent) * out + math.sin(bent) * DOWN
            way = flat if bent == 0 else straight
            points[point] = points[point - 1] + 0.03 * way
    down = math.radians(thumb)
    way = math.cos(down) * (out + FRONT) / math.sqrt(2) + math.sin(down) * DOWN
    for point in range(1, 5):
        points[point] = 0.02 * (out + FRONT) + (point - 1) * 0.03 * way
    return -np.array([rotated(turn, point) for point in points], np.float32)
