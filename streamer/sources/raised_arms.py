"""Raises a driver's arms: from where they are, or where the camera does not see them, from where the picture's are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from models.geometry.body import ARMS, HANGING, LEFT_SHOULDER, RIGHT_SHOULDER
from streamer.sources.expression import Array, Expression
from streamer.tracking.head_pose import head_pose, rotation_matrix
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY, Motion
from streamer.tracking.presence import NEUTRAL

Arm = tuple[int, int, int]  # shoulder, elbow and wrist
OUTWARDS = (1, -1)  # sign of the image's x axis away from the body, of the arms in `ARMS`
UPPER_ARM, FOREARM = 0.95, 0.8  # lengths, in widths of the shoulders
HAND = 0.3  # length, in lengths of the forearm
RAISED_ARM = (math.radians(48), math.radians(168))  # directions of upper arm and forearm, from straight down outwards
LOWEST_DIRECTION = math.radians(-120)  # of an arm; one beyond it was raised over the head


def with_raised_arms(motion: Motion, neutral: Motion, expression: Expression) -> tuple[Motion, Motion]:
    """The motion with `Expression.raised`, and the neutral to measure it against; see `act_out`."""
    acted = _raised(motion, neutral, expression)
    reach = _reach(acted, expression)
    if reach <= 1:
        return acted, neutral
    motion, neutral = farther(motion, reach), farther(neutral, reach)
    return _raised(motion, neutral, expression), neutral


def _reach(motion: Motion, expression: Expression) -> float:
    """How far from the camera's axis raised arms go; 1 is the border of its picture."""
    joints = [joint for arm, share in zip(ARMS, expression.raised, strict=True) if share > 0 for joint in _joints(arm)]
    assert motion.body is not None
    return float(np.abs(motion.body[joints, :2]).max())


def _joints(arm: Arm) -> list[int]:
    shoulder, elbow, wrist = arm
    return [shoulder, elbow, wrist, *HANGING[wrist]]


def farther(motion: Motion, factor: float) -> Motion:
    """The same motion of somebody `factor` times as far from the camera. What was out of its picture stays unseen."""
    nearer = np.float32(1 / factor)
    place = np.array([nearer, nearer, nearer, 1], np.float32)
    body = motion.body
    if body is not None:
        outside = np.abs(body[:, :2]).max(1) > 1
        body = body * place
        body[outside, VISIBILITY] = 0
    return replace(
        motion, face=None if motion.face is None else motion.face * nearer, body=body, hands=motion.hands * place,
        torso=motion.torso * np.array([nearer, nearer, 1, 1], np.float32),
    )  # fmt: skip


def _raised(motion: Motion, neutral: Motion, expression: Expression) -> Motion:
    body = motion.body if motion.body is not None else neutral.body
    is_seen = body is not None and body[[LEFT_SHOULDER, RIGHT_SHOULDER], VISIBILITY].min() >= MIN_VISIBILITY
    body = body.copy() if body is not None and is_seen else _usual_body(neutral)
    width = float(np.linalg.norm(body[LEFT_SHOULDER, :2] - body[RIGHT_SHOULDER, :2]))
    for arm, outwards, share, swing in zip(ARMS, OUTWARDS, expression.raised, expression.swing, strict=True):
        if share > 0:
            _raise_arm(body, arm, outwards, width, float(share), float(swing))
    return replace(motion, body=body)


def _usual_body(neutral: Motion) -> Array:
    """The upper body (33, 4) below a head, of which nothing is seen."""
    assert neutral.face is not None and NEUTRAL.face is not None and NEUTRAL.body is not None
    usual = head_pose(NEUTRAL.face).inverse(NEUTRAL.body[:, :VISIBILITY])
    joints = head_pose(neutral.face).apply(usual)
    return np.concatenate([joints, np.zeros((len(joints), 1), np.float32)], 1)


def _raise_arm(body: Array, arm: Arm, outwards: int, width: float, share: float, swing: float) -> None:
    """Raise an arm of the joints (33, 4) in place. outwards: see `OUTWARDS`. width: of the shoulders.

    share, swing: see `Expression`.
    """
    shoulder, elbow, wrist = arm
    hand = list(HANGING[wrist])
    hand_ways = body[hand, :2] - body[wrist, :2]
    at, turned, seen = body[shoulder, :2], 0.0, 1.0
    for start, end, bone, length, raised in (
        (shoulder, elbow, body[elbow, :2] - body[shoulder, :2], UPPER_ARM * width, RAISED_ARM[0]),
        (elbow, wrist, body[wrist, :2] - body[elbow, :2], FOREARM * width, RAISED_ARM[1] - swing),
    ):
        seen = min(seen, *body[[start, end], VISIBILITY].tolist())
        towards = share if seen >= MIN_VISIBILITY else 1.0
        before = _direction(bone, outwards)
        angle = before + towards * (raised - before)
        size = (1 - towards) * float(np.linalg.norm(bone)) + towards * length
        at = at + size * np.array([outwards * math.sin(angle), math.cos(angle)], np.float32)
        body[end, :2], turned = at, outwards * (before - angle)
    if seen >= MIN_VISIBILITY:
        hand_ways = hand_ways @ rotation_matrix(np.array([0, 0, turned]))[:2, :2].T
    else:  # in line with the forearm
        hand_ways = HAND * (body[wrist, :2] - body[elbow, :2])
    body[hand, :2] = body[wrist, :2] + hand_ways
    body[_joints(arm), VISIBILITY] = np.maximum(body[_joints(arm), VISIBILITY], share)


def _direction(way: Array, outwards: int) -> float:
    """Radians from straight down, positive away from the body, of a way (2,) in the image."""
    angle = math.atan2(outwards * float(way[0]), float(way[1]))
    return angle + 2 * math.pi if angle < LOWEST_DIRECTION else angle
