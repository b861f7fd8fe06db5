"""Hand-placed points of a body: their names, and how they put right a skeleton that was seen wrong."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.geometry.body import (
    HANGING,
    HEAD_JOINTS,
    JOINTS,
    LEFT_ANKLE,
    LEFT_ELBOW,
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ANKLE,
    RIGHT_ELBOW,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)
from models.geometry.limb_curve import TIP_REACH
from models.geometry.topology import NOSE_TIP
from streamer.tracking.head_guess import HEAD_LANDMARKS
from streamer.tracking.motion import VISIBILITY

Array = NDArray[np.float32]
Position = tuple[float, float]

HANDS = {"left_hand": RIGHT_WRIST, "right_hand": LEFT_WRIST}  # tips of the fingers, and the wrists they hang on
FEET = {"left_foot": RIGHT_ANKLE, "right_foot": LEFT_ANKLE}  # toes
# The joint that a point stands for. The picture's left is the person's right.
BODY_POINTS: dict[str, int] = {
    "left_shoulder": RIGHT_SHOULDER, "right_shoulder": LEFT_SHOULDER, "left_elbow": RIGHT_ELBOW,
    "right_elbow": LEFT_ELBOW, "left_wrist": RIGHT_WRIST, "right_wrist": LEFT_WRIST, "left_hip": RIGHT_HIP,
    "right_hip": LEFT_HIP, "left_knee": RIGHT_KNEE, "right_knee": LEFT_KNEE, "left_ankle": RIGHT_ANKLE,
    "right_ankle": LEFT_ANKLE,
}  # fmt: skip
BODY_POINT_NAMES = (*BODY_POINTS, *HANDS, *FEET)
HAND_REACH, FOOT_REACH = TIP_REACH[0], TIP_REACH[2]  # of fingertips and toes, over that of the joints that show them
KNUCKLES_WIDTH, THUMB_REACH, THUMB_OUT = 0.15, 0.45, 0.25  # of a hand, in its lengths
HEEL_REACH = 0.25  # of a foot's length behind the ankle


def mirrored_name(name: str) -> str:
    """The name of the same point on the other side."""
    return name.replace("left", "right") if "left" in name else name.replace("right", "left")


def named_from_the_character(points: Mapping[str, Position]) -> bool:
    """Whether left and right in body points are the character's: its left shoulder, or hip, lies on the right."""
    for part in ("shoulder", "hip"):
        left, right = points.get(f"left_{part}"), points.get(f"right_{part}")
        if left is not None and right is not None:
            return left[0] > right[0]
    return False


def body_of_points(points: Mapping[str, Position], face: Array) -> Array | None:
    """(33, 4) joints of a person of whom points alone tell the body; None unless both shoulders are among them.

    points: by name, canvas units. face: landmarks (478, 3), which tell the head's joints.
    """
    if "left_shoulder" not in points or "right_shoulder" not in points:
        return None
    body = np.zeros((JOINTS, 4), np.float32)
    body[HEAD_JOINTS, :3] = face[NOSE_TIP]
    for joint, landmarks in HEAD_LANDMARKS.items():
        body[joint, :3] = face[list(landmarks)].mean(0)
    body[HEAD_JOINTS, VISIBILITY] = 1
    body[HEAD_JOINTS.stop :, 2] = body[HEAD_JOINTS, 2].mean()
    return with_points(body, points)


def with_points(body: Array, points: Mapping[str, Position]) -> Array:
    """Joints (33, 4) with those that points give in their place, with visibility 1.

    Hands and feet move along with wrists and ankles unless they are given. points: by name, canvas units.
    """
    body = body.copy()
    for name, joint in BODY_POINTS.items():
        if name in points:
            moved = [joint, *HANGING.get(joint, ())]
            body[moved, :2] += np.array(points[name], np.float32) - body[joint, :2]
            body[joint, VISIBILITY] = 1
    for name, wrist in HANDS.items():
        if name in points:
            _place_hand(body, wrist, np.array(points[name], np.float32))
    for name, ankle in FEET.items():
        if name in points:
            heel, toes = HANGING[ankle]
            foot = np.array(points[name], np.float32) - body[ankle, :2]
            body[toes, :2] = body[ankle, :2] + foot / FOOT_REACH
            body[heel, :2] = body[ankle, :2] - HEEL_REACH * foot
            body[[heel, toes], 2:] = body[ankle, 2], 1
    return body


def _place_hand(body: Array, wrist: int, tips: Array) -> None:
    """Put the hand's joints between the wrist and the tips of the fingers (2,). The thumb stays on its side."""
    little, index, thumb = HANGING[wrist]
    hand = tips - body[wrist, :2]
    across = np.array([-hand[1], hand[0]], np.float32)
    if (body[index, :2] - body[little, :2]) @ across < 0:
        across = -across
    knuckles = body[wrist, :2] + hand / HAND_REACH
    body[index, :2], body[little, :2] = knuckles + KNUCKLES_WIDTH * across, knuckles - KNUCKLES_WIDTH * across
    body[thumb, :2] = body[wrist, :2] + THUMB_REACH * hand + THUMB_OUT * across
    body[[little, index, thumb], 2:] = body[wrist, 2], 1
