"""What the tracker of another program says of a driver, and the motion that it makes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.geometry.body import (
    ARM_LENGTH,
    ARMS,
    HANGING,
    HEAD_JOINTS,
    LEFT_SHOULDER,
    RIGHT_SHOULDER,
    SHOULDER_PLACES,
    TORSO_LENGTH,
)
from models.geometry.expressions import NAMES
from models.geometry.offsets import NECK
from models.motion import EXTRAS
from streamer.sources.acting import act_out
from streamer.sources.expression import Array, Expression
from streamer.sources.raised_arms import farther
from streamer.tracking.head_pose import HeadTransform, head_pose
from streamer.tracking.motion import CONFIDENCE, VISIBILITY, Motion
from streamer.tracking.presence import NEUTRAL

EYE_CORNERS_M = 0.09  # between the outer corners of a person's eyes, which are 1 apart in canonical units
USUAL_DISTANCE_M = 0.6  # of a face from the camera, where none is measured: it grows as it comes nearer
MAX_SHIFT_M = 0.3  # of a head from where it rested, along each axis
DISTANCE_RANGE = (0.6, 1.7)  # of the distance at rest within which a face counts as measured
AWAY = 3.2  # times as far as `NEUTRAL`, so that the camera of this driver would show arms in any direction
HAND_LENGTH = 0.85  # canonical units, from the wrist to the knuckles
# Where ARKit and those who do as it does put a head's origin: below the line of the eyes and behind them.
HEAD_ORIGIN = np.array([0, 0.35, 0.4], np.float32)
_NECK = np.array(NECK, np.float32)
_SHOULDERS = np.array(SHOULDER_PLACES, np.float32)
_HIPS = _SHOULDERS.mean(0) + np.array([0, TORSO_LENGTH * (_SHOULDERS[0, 0] - _SHOULDERS[1, 0]), 0], np.float32)
REST = farther(NEUTRAL, AWAY)
"""The neutral that poses are measured against."""


def _nothing() -> Array:
    return np.zeros(len(NAMES), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedPose:
    """A driver at one moment, on the axes of a camera before them: x to their own left, y down, z away from it.

    weights: (E,) of the blendshapes `NAMES`, 0..MAX_WEIGHT; 0 is the driver at rest. tongue: 0..1, how far it is out.
    head: (3, 3) rotation; identity faces the camera. place: (3,) metres, of the head from the camera; None where it is
    not measured, and the head turns on a neck that stays. chest: (3, 3) rotation; None where it is not measured.
    arms: (2, 3, 3) unit vectors along upper arm, forearm and hand of the left and the right arm; None likewise.
    hands: MediaPipe's points (21, 3) of the left and the right one, from the wrist, in lengths of the palm; None
    likewise.
    """

    weights: Array = field(default_factory=_nothing)
    tongue: float = 0.0
    head: NDArray[np.floating] = field(default_factory=lambda: np.eye(3))
    place: NDArray[np.floating] | None = None
    chest: NDArray[np.floating] | None = None
    arms: NDArray[np.floating] | None = None
    hands: tuple[NDArray[np.floating] | None, NDArray[np.floating] | None] = (None, None)


@dataclass(frozen=True, slots=True, eq=False)
class Tare:
    """How a driver who looks straight ahead is measured. rotation: (3, 3) of the head. place: as in `ReceivedPose`."""

    rotation: NDArray[np.floating] = field(default_factory=lambda: np.eye(3))
    place: NDArray[np.floating] | None = None


def to_motion(pose: ReceivedPose, tare: Tare, captured: float, with_body: bool = True) -> Motion:
    """The motion of a pose, to be measured against `REST`; finite for any finite pose.

    captured: seconds, for `Motion.captured`. with_body: whether chest and arms count.
    """
    assert REST.face is not None and REST.body is not None
    extras = np.zeros(EXTRAS, np.float32)
    extras[0] = pose.tongue
    acted, _ = act_out(REST, REST, Expression(pose.weights, extras=extras))
    assert acted.face is not None
    rest = head_pose(REST.face)
    rotation = tare.rotation.T @ pose.head
    chest = pose.chest if with_body else None
    head = _head(rest, rotation, pose.place, tare.place, chest)
    face = head.apply(rest.inverse(acted.face))
    body = REST.body.copy()
    body[HEAD_JOINTS, :VISIBILITY] = head.apply(rest.inverse(body[HEAD_JOINTS, :VISIBILITY]))
    body[LEFT_SHOULDER:, VISIBILITY] = 0
    hands = np.zeros_like(acted.hands)
    if with_body and (pose.arms is not None or chest is not None):
        _put_shoulders(body, rest, np.eye(3) if chest is None else chest)
        if pose.arms is not None:
            _put_arms(body, rest.scale, pose.arms)
            _put_hands(hands, body, rest.scale, pose.hands)
    return replace(
        acted, captured=captured, face=face, head=head_pose(face).rotation, body=body.astype(np.float32), hands=hands
    )


def _head(
    rest: HeadTransform,
    rotation: NDArray[np.floating],
    place: NDArray[np.floating] | None,
    rest_place: NDArray[np.floating] | None,
    chest: NDArray[np.floating] | None,
) -> HeadTransform:
    """Where a head is that turned by `rotation`: on its neck, unless its place is measured."""
    if place is not None and rest_place is not None:
        moved = np.clip(place - rest_place, -MAX_SHIFT_M, MAX_SHIFT_M)
        distance = max(float(rest_place[2]), USUAL_DISTANCE_M / 2)
        nearness = 1 / np.clip((distance + moved[2]) / distance, *DISTANCE_RANGE)
        return _turned(rest, rotation, HEAD_ORIGIN, np.array([*moved[:2], 0]) / EYE_CORNERS_M, float(nearness))
    if chest is None:
        return _turned(rest, rotation, _NECK, np.zeros(3), 1.0)
    moved = (chest - np.eye(3)) @ (_NECK - _HIPS)
    distance = USUAL_DISTANCE_M / EYE_CORNERS_M
    nearness = 1 / np.clip((distance + moved[2]) / distance, *DISTANCE_RANGE)
    return _turned(rest, rotation, _NECK, np.array([*moved[:2], 0]), float(nearness))


def _turned(
    rest: HeadTransform, rotation: NDArray[np.floating], pivot: Array, moved: NDArray[np.floating], nearness: float
) -> HeadTransform:
    """A head at rest, turned about a point of its own, moved, and seen from nearer. pivot, moved: canonical units."""
    scale = rest.scale * nearness
    shift = rest.shift + scale * (pivot - rotation @ pivot + moved)
    return HeadTransform(scale, rotation.astype(np.float32), shift.astype(np.float32))


def _put_shoulders(body: Array, rest: HeadTransform, chest: NDArray[np.floating]) -> None:
    """Both shoulders on a chest that turned about the hips, which do not move."""
    places = (_SHOULDERS - _HIPS) @ chest.T + _HIPS
    body[[LEFT_SHOULDER, RIGHT_SHOULDER], :VISIBILITY] = rest.apply(places.astype(np.float32))
    body[[LEFT_SHOULDER, RIGHT_SHOULDER], VISIBILITY] = 1


def _put_arms(body: Array, scale: float, arms: NDArray[np.floating]) -> None:
    lengths = scale * np.array([ARM_LENGTH, ARM_LENGTH, HAND_LENGTH])[:, None]
    for (shoulder, elbow, wrist), directions in zip(ARMS, arms, strict=True):
        ways = (lengths * directions).cumsum(0)
        joints = [elbow, wrist, *HANGING[wrist]]
        body[joints, :VISIBILITY] = body[shoulder, :VISIBILITY] + ways[[0, 1, 2, 2, 2]]
        body[joints, VISIBILITY] = 1


def _put_hands(
    hands: Array, body: Array, scale: float, points: tuple[NDArray[np.floating] | None, NDArray[np.floating] | None]
) -> None:
    for hand, (_, _, wrist), measured in zip(hands, ARMS, points, strict=True):
        if measured is not None:
            hand[:, :CONFIDENCE] = body[wrist, :VISIBILITY] + scale * HAND_LENGTH * measured
            hand[:, CONFIDENCE] = 1
