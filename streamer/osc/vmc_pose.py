"""A drawn motion as rotations of a humanoid's bones, as VMC and Unity have them.

Unity's axes are those of the character: x to its own right, y up, z to where it looks. A driver before a camera has
theirs the other way round in each of the three (x is their own left, y is down, z is behind them), so that a vector is
its negative, and a rotation has the same matrix and the same quaternion. In a T-pose every bone has the axes of the
world, and each is turned relative to the bone that holds it. Left is the driver's own left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.geometry.body import ARMS, HANGING, LEFT_SHOULDER, RIGHT_SHOULDER
from models.geometry.proportions import DEPTH_TRUST, ENDS, LOWER, UPPER, USUAL_LENGTHS
from streamer.osc.quaternions import (
    IDENTITY,
    Quaternion,
    Vector,
    about,
    at_most,
    between,
    from_matrix,
    inverse,
    product,
    rotated,
    slerp,
)
from streamer.osc.vmc_bones import SIDES, Bone, EasedRotation, on_side, outwards
from streamer.osc.vmc_fingers import INDEX, LEAST_PALM, LITTLE, MIDDLE, SHORTEST, WRIST, VmcFingers
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import CONFIDENCE, MIN_VISIBILITY, VISIBILITY, Array, Motion, smooth_share

MAX_EASED_GAP_S = 0.1  # between two motions, beyond which no more is eased
NECK_SHARE = 0.4  # of the head's turn, which the neck does
HANGING_ANGLE = math.radians(75)  # of arms that are not seen, below the T-pose's
STRAIGHT, BENT = 0.25, 0.6  # sine of an elbow's angle, from which it tells how the upper arm is turned about itself
MOST_TWIST, NO_TWIST = math.radians(110), math.radians(160)  # of an upper arm about itself; beyond it is a wrong guess
MAX_HAND = math.radians(90)  # by which a hand turns from its forearm
HAND_REACH = 0.5  # lengths of the forearm between the wrists of hand and body, beyond which they are not of one arm
# Metres from the bone that holds each, of a T-pose: a usual person, for programs that do not keep their model's own.
_PLACES = {
    "Spine": (0.0, 0.1, 0.0), "Neck": (0.0, 0.12, -0.01), "Head": (0.0, 0.08, 0.01),
    "Shoulder": (0.03, 0.09, 0.0), "UpperArm": (0.1, 0.0, 0.0), "LowerArm": (0.26, 0.0, 0.0), "Hand": (0.24, 0.0, 0.0),
}  # fmt: skip
_UPPER_ARM, _FOREARM, _HAND = (USUAL_LENGTHS[bones.start] for bones in (UPPER, LOWER, ENDS))  # widths of the shoulders
_UP, _FORWARD = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, slots=True)
class _Arm:
    """Directions (3,) of an arm that is seen, Unity's axes, and a hand's palm from the little finger to the index.

    None: not seen, or not told.
    """

    upper: Vector | None = None
    lower: Vector | None = None
    hand: Vector | None = None
    palm: Vector | None = None


class VmcPose:
    """The bones of one driver from motion to motion. Not thread-safe."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._spine = EasedRotation(IDENTITY)
        self._fingers = [VmcFingers(side) for side in range(2)]
        self._arms = [[EasedRotation(each) for each in (hanging(side), IDENTITY, IDENTITY)] for side in range(2)]

    def bones(self, motion: Motion, neutral: Motion, now: float) -> list[Bone]:
        """How they are turned. now: seconds; motions come in order. motion, neutral: both with a face.

        Head and torso are turned as against the neutral, arms as they are. Raises ValueError without a face.
        """
        if motion.face is None or neutral.face is None:
            raise ValueError("only a motion with a face has a pose")
        step = 0.0 if self._at is None else min(max(now - self._at, 0.0), MAX_EASED_GAP_S)
        self._at = now
        before, after = head_pose(neutral.face), head_pose(motion.face)
        size = _size(motion, neutral, after.scale / before.scale)
        spine = self._spine(_spine(motion, neutral, size), step)
        turned = before.rotation.T @ after.rotation
        head = product(inverse(spine), from_matrix(turned))
        neck = slerp(IDENTITY, head, NECK_SHARE)
        bones = [
            Bone("Spine", _PLACES["Spine"], spine),
            Bone("Neck", _PLACES["Neck"], neck),
            Bone("Head", _PLACES["Head"], product(inverse(neck), head)),
        ]
        for side, name in enumerate(SIDES):
            bones.append(Bone(f"{name}Shoulder", on_side(_PLACES["Shoulder"], side), IDENTITY))
            for bone, eased, rotation in zip(
                ("UpperArm", "LowerArm", "Hand"),
                self._arms[side],
                _arm_rotations(motion, side, spine, size),
                strict=True,
            ):
                bones.append(Bone(name + bone, on_side(_PLACES[bone], side), eased(rotation, step)))
            bones += self._fingers[side].bones(_hand_points(motion, side), step)
        return bones


def hanging(side: int) -> Quaternion:
    """The rotation of an upper arm that is not seen."""
    return about(_FORWARD, HANGING_ANGLE if side == 0 else -HANGING_ANGLE)


def _size(motion: Motion, neutral: Motion, growth: float) -> float:
    """Width of the shoulders without foreshortening, camera units. growth: of the head since the neutral."""
    before, now = (_flat_shoulders(each.body) for each in (neutral, motion))
    return max(now, growth * before)


def _flat_shoulders(body: Array | None) -> float:
    return 0.0 if body is None else float(np.linalg.norm(body[LEFT_SHOULDER, :2] - body[RIGHT_SHOULDER, :2]))


def _spine(motion: Motion, neutral: Motion, size: float) -> Quaternion | None:
    """How the line of the shoulders has turned."""
    before, now = (
        None if body is None else _direction(body, RIGHT_SHOULDER, LEFT_SHOULDER, length)
        for body, length in ((neutral.body, _flat_shoulders(neutral.body)), (motion.body, size))
    )
    return None if before is None or now is None else between(before, now, _UP)


def _direction(body: Array, start: int, end: int, usual: float) -> Vector | None:
    """From one joint to another, on Unity's axes; None where one of them is not seen. usual: length, camera units."""
    if body[[start, end], VISIBILITY].min() < MIN_VISIBILITY:
        return None
    return _unit(_less_deep(body[end, :VISIBILITY] - body[start, :VISIBILITY], usual))


def _less_deep(way: Array, usual: float) -> Array:
    """A way in camera units as deep as the bone's usual length and its length in the picture say, and no deeper than
    half of what MediaPipe measures, see `bones_of` in models/geometry/proportions.py.
    """
    x, y, z = way.tolist()
    flat = math.hypot(x, y)
    full = max(flat, min(usual, math.hypot(flat, DEPTH_TRUST * z)))
    return np.array([x, y, math.copysign(math.sqrt(full**2 - flat**2), z)], np.float32)


def _unit(way: Array) -> Vector | None:
    """The direction of a way in camera units, on Unity's axes."""
    length = float(np.linalg.norm(way))
    return None if length < SHORTEST else -way.astype(np.float64) / length


def _arm_rotations(motion: Motion, side: int, spine: Quaternion, size: float) -> tuple[Quaternion | None, ...]:
    """Upper arm, forearm and hand, each relative to the bone before; None of what is not seen."""
    arm = _arm(motion, side, size)
    if arm.upper is None:
        return None, None, None
    upper = _upper_arm(arm, side)
    if arm.lower is None:
        return product(inverse(spine), upper), None, None
    lower = product(between(arm.upper, arm.lower, rotated(upper, _UP)), upper)
    return product(inverse(spine), upper), product(inverse(upper), lower), _hand(arm, side, lower)


def _arm(motion: Motion, side: int, size: float) -> _Arm:
    body = motion.body
    if body is None:
        return _Arm()
    shoulder, elbow, wrist = ARMS[side]
    upper = _direction(body, shoulder, elbow, size * _UPPER_ARM)
    lower = _direction(body, elbow, wrist, size * _FOREARM)
    points = _hand_points(motion, side)
    if points is not None:
        way, across = points[MIDDLE] - points[WRIST], points[INDEX] - points[LITTLE]
        is_told = np.linalg.norm(across) > LEAST_PALM * np.linalg.norm(way)
        return _Arm(upper, lower, _unit(way), _unit(across) if is_told else None)
    ends = list(HANGING[wrist])
    if body[[wrist, *ends], VISIBILITY].min() < MIN_VISIBILITY:
        return _Arm(upper, lower)
    return _Arm(upper, lower, _unit(_less_deep((body[ends] - body[wrist])[:, :VISIBILITY].mean(0), size * _HAND)))


def _hand_points(motion: Motion, side: int) -> Array | None:
    """The points (21, 3) of a hand, camera units; None where it is not seen, or is not at the end of its arm, as where
    keys have moved that.
    """
    _, elbow, wrist = ARMS[side]
    if motion.body is None or motion.hands[side, :, CONFIDENCE].min() < MIN_VISIBILITY:
        return None
    hand, forearm = motion.hands[side, :, :CONFIDENCE], motion.body[wrist, :2] - motion.body[elbow, :2]
    apart = hand[WRIST, :2] - motion.body[wrist, :2]
    return hand if np.linalg.norm(apart) < HAND_REACH * np.linalg.norm(forearm) else None


def _upper_arm(arm: _Arm, side: int) -> Quaternion:
    """Turned to where it points, and about itself so that the elbow bends as elbows do: in a T-pose, to the front."""
    assert arm.upper is not None
    straight = between(outwards(side), arm.upper, _UP)
    if arm.lower is None:
        return straight
    hinge = np.cross(arm.upper, arm.lower)
    sine = float(np.linalg.norm(hinge))
    certainty = smooth_share(min(max((sine - STRAIGHT) / (BENT - STRAIGHT), 0.0), 1.0))
    if certainty == 0:
        return straight
    before, now = rotated(straight, np.cross(outwards(side), _FORWARD)), hinge / sine
    twist = math.atan2(float(np.cross(before, now) @ arm.upper), float(before @ now))
    certainty *= min(max((NO_TWIST - abs(twist)) / (NO_TWIST - MOST_TWIST), 0.0), 1.0)
    return product(about(arm.upper, certainty * min(max(twist, -MOST_TWIST), MOST_TWIST)), straight)


def _hand(arm: _Arm, side: int, lower: Quaternion) -> Quaternion | None:
    """Relative to the forearm. In a T-pose palms look down, and the index fingers are in front."""
    if arm.hand is None or arm.lower is None:
        return None
    turned = product(between(arm.lower, arm.hand, rotated(lower, _UP)), lower)
    if arm.palm is not None:
        palm = arm.palm - (arm.palm @ arm.hand) * arm.hand
        before = rotated(turned, _FORWARD)
        turn = math.atan2(float(np.cross(before, palm) @ arm.hand), float(before @ palm))
        turned = product(about(arm.hand, turn), turned)
    return at_most(product(inverse(lower), turned), MAX_HAND)
