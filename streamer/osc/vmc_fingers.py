"""The driver's fingers as rotations of a humanoid's bones, as VMC and Unity have them (`vmc_pose.py`).

In a T-pose palms look down, fingers point outwards, and thumbs lie between there and the front. A finger's first bone
bends towards the palm and spreads in the palm's plane, the next ones bend; a thumb's do both. What a finger cannot do
is an error of the tracker, and is limited.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from streamer.osc.quaternions import IDENTITY, Quaternion, Vector, about, inverse, product
from streamer.osc.vmc_bones import SIDES, Bone, EasedRotation, on_side
from streamer.tracking.motion import Array

WRIST, INDEX, MIDDLE, LITTLE = 0, 5, 9, 17  # of the 21 points of a hand: the wrist, and knuckles
LEAST_PALM = 0.2  # width of a palm, over the hand's length, from which it tells how the hand is turned
SHORTEST = 1e-4  # camera units; a bone has no direction below
RELAXED = math.radians(20)  # by which each bone of a finger bends that is not seen
_UP = np.array([0.0, 1.0, 0.0])
PARTS = ("Proximal", "Intermediate", "Distal")


class Finger(NamedTuple):
    """first: its first point; three more follow. places: metres of its bones from what holds each."""

    name: str
    first: int
    places: tuple[tuple[float, float, float], ...]


class _Limits(NamedTuple):
    """Degrees by which a bone bends towards the palm, and spreads to either side."""

    least: float
    most: float
    spread: float


FINGERS = (
    Finger("Thumb", 1, ((0.02, -0.01, 0.02), (0.03, 0.0, 0.03), (0.02, 0.0, 0.02))),
    Finger("Index", 5, ((0.09, 0.0, 0.025), (0.035, 0.0, 0.0), (0.025, 0.0, 0.0))),
    Finger("Middle", 9, ((0.092, 0.0, 0.0), (0.04, 0.0, 0.0), (0.027, 0.0, 0.0))),
    Finger("Ring", 13, ((0.086, 0.0, -0.018), (0.036, 0.0, 0.0), (0.025, 0.0, 0.0))),
    Finger("Little", 17, ((0.078, 0.0, -0.036), (0.03, 0.0, 0.0), (0.02, 0.0, 0.0))),
)
_THUMB = (_Limits(-45, 60, 60),) * 3
_OTHERS = (_Limits(-25, 100, 25), _Limits(-10, 115, 0), _Limits(-10, 90, 0))
NAMES = tuple(finger.name + part for finger in FINGERS for part in PARTS)


class VmcFingers:
    """The fingers of one hand from motion to motion. side: 0 left, 1 right, the driver's own."""

    def __init__(self, side: int) -> None:
        self._side = side
        self._eased = [
            EasedRotation(IDENTITY if name.startswith("Thumb") else _rotation(RELAXED, 0.0, side)) for name in NAMES
        ]
        self._was_seen = False

    def bones(self, points: Array | None, step_s: float) -> list[Bone]:
        """All of them, or none before the hand was seen: then the receiver may move them as it likes.

        points: (21, 3) camera units, None while the hand is not seen. step_s: since the motion before.
        """
        seen = None if points is None else finger_rotations(points, self._side)
        self._was_seen = self._was_seen or seen is not None
        if not self._was_seen:
            return []
        places = [place for finger in FINGERS for place in finger.places]
        rotations: Sequence[Quaternion | None] = seen or [None] * len(NAMES)
        return [
            Bone(SIDES[self._side] + name, on_side(place, self._side), eased(rotation, step_s))
            for name, place, eased, rotation in zip(NAMES, places, self._eased, rotations, strict=True)
        ]


def finger_rotations(points: Array, side: int) -> list[Quaternion] | None:
    """The rotations of `NAMES`, each relative to the bone that holds it; None where the palm's plane is not told.

    points: (21, 3) camera units.
    """
    on_unity = -points.astype(np.float64)
    axes = palm_axes(on_unity, side)
    if axes is None:
        return None
    rotations = []
    for finger in FINGERS:
        ways = np.diff(on_unity[finger.first : finger.first + 4], axis=0)
        if finger.name == "Thumb":
            rest = about(_UP, math.radians(45 if side == 0 else -45))  # from outwards to where a thumb points
            bent = _bend(_thumb_axes(axes), ways, _THUMB, side)
            rotations += [product(rest, rotation, inverse(rest)) for rotation in bent]
        else:
            rotations += _bend(axes, ways, _OTHERS, side)
    return rotations


class PalmAxes(NamedTuple):
    """Unit vectors of a hand on Unity's axes: where its fingers point, where the palm looks, to the index finger.

    In a T-pose: outwards, down, to the front.
    """

    way: Vector
    down: Vector
    front: Vector


def palm_axes(points: Vector, side: int) -> PalmAxes | None:
    """Those of points (21, 3) on Unity's axes; None where the hand's plane cannot be told."""
    way, across = points[MIDDLE] - points[WRIST], points[INDEX] - points[LITTLE]
    length = float(np.linalg.norm(way))
    if length < SHORTEST:
        return None
    way = way / length
    front = across - (across @ way) * way
    width = float(np.linalg.norm(front))
    if width < LEAST_PALM * length:
        return None
    front = front / width
    return PalmAxes(way, (-1 if side == 0 else 1) * np.cross(way, front), front)


def _thumb_axes(axes: PalmAxes) -> PalmAxes:
    """The axes of a thumb at rest, half way from the fingers to the index finger's side."""
    half = math.sqrt(0.5)
    return PalmAxes(half * (axes.way + axes.front), axes.down, half * (axes.front - axes.way))


def _bend(axes: PalmAxes, ways: Vector, limits: tuple[_Limits, ...], side: int) -> list[Quaternion]:
    """The rotations of a finger's bones, which begin at these axes. ways: (3, 3) along each bone."""
    way, down, front = axes
    rotations = []
    for bone, limit in zip(ways, limits, strict=True):
        length = float(np.linalg.norm(bone))
        bent = spread = 0.0
        if length >= SHORTEST:
            along, below, aside = (float(bone @ axis) / length for axis in (way, down, front))
            bent = min(max(math.atan2(below, along), math.radians(limit.least)), math.radians(limit.most))
            most = math.radians(limit.spread)
            spread = min(max(math.asin(min(max(aside, -1.0), 1.0)), -most), most)
        rotations.append(_rotation(bent, spread, side))
        pointing = math.cos(bent) * way + math.sin(bent) * down
        down = math.cos(bent) * down - math.sin(bent) * way
        way, front = (
            math.cos(spread) * pointing + math.sin(spread) * front,
            math.cos(spread) * front - math.sin(spread) * pointing,
        )
    return rotations


def _rotation(bent: float, spread: float, side: int) -> Quaternion:
    """That spreads a bone of a T-pose to the front, and then bends it down, radians."""
    sign = 1 if side == 0 else -1
    z, w = math.sin(sign * bent / 2), math.cos(bent / 2)
    y, v = math.sin(sign * spread / 2), math.cos(spread / 2)
    return np.array([-z * y, w * y, z * v, w * v])
