"""Faces that the joints of the head contradict are false; without a head nothing is judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.geometry.body import HEAD_JOINTS
from streamer.tracking.false_faces import without_false_faces
from streamer.tracking.head_guess import HEAD_LANDMARKS, face_of_head
from streamer.tracking.head_of_body import sees_head
from streamer.tracking.head_pose import CANONICAL, HeadTransform, head_pose, rotation_matrix
from streamer.tracking.motion import VISIBILITY, Motion

STANDING = np.zeros((33, 4), np.float32)
STANDING[:, VISIBILITY] = 1
for joint, landmarks in HEAD_LANDMARKS.items():
    STANDING[joint, :3] = 0.3 * CANONICAL[list(landmarks)].mean(0)


def somebody(turn: tuple[float, float, float] = (0, 0, 0), aside: float = 0.0, size: float = 1.08) -> Motion:
    """A body whose face is turned, beside the head of its joints, and so large beside it. aside: canonical units."""
    face = face_of_head(STANDING)
    pose = head_pose(face)
    rotation = (pose.rotation @ rotation_matrix(np.array(turn, float))).astype(np.float32)
    shift = (pose.shift + pose.scale * np.array([aside, 0, 0])).astype(np.float32)
    return Motion.still(HeadTransform(size * pose.scale, rotation, shift).apply(pose.inverse(face)), STANDING)


@pytest.mark.parametrize(
    ("turn", "aside", "size"),
    [
        pytest.param((0, 0, 1.6), 0.0, 1.08, id="turned"),
        pytest.param((0, 0, 0), 1.2, 1.08, id="aside"),
        pytest.param((0, 1.1, 0), 0.3, 1.08, id="turned and aside"),
        pytest.param((0, 0, 0), 0.0, 0.75, id="small"),
    ],
)
def test_face_that_the_head_contradicts_is_not_there(
    turn: tuple[float, float, float], aside: float, size: float
) -> None:
    (judged,) = without_false_faces([somebody(turn, aside, size)])
    assert judged.face is None and judged.face_confidence == 0 and judged.body is not None


def test_face_that_nearly_fits_or_cannot_be_judged_stays() -> None:
    fits = somebody((0, 0.6, 0), 0.5)
    unseen = STANDING.copy()
    unseen[HEAD_JOINTS, VISIBILITY] = 0.1
    turned = somebody((0, 0, 1.6))
    hidden, bodiless = replace(turned, body=unseen), replace(turned, body=None)
    assert sees_head(STANDING) and not sees_head(unseen)
    given = [fits, hidden, bodiless, Motion(0.0), somebody(size=0.85), somebody(size=1.6)]
    assert all(kept is motion for kept, motion in zip(without_false_faces(given), given, strict=True))
