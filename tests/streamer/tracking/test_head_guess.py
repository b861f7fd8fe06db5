"""The canonical face lies on the head of a body, as the head is turned."""

import numpy as np
import pytest

from models.geometry.body import LEFT_EAR, RIGHT_EAR
from streamer.tracking.head_guess import EAR_BEHIND_EDGE, HEAD_LANDMARKS, face_of_head
from streamer.tracking.head_pose import CANONICAL, head_pose, rotation_matrix


@pytest.mark.parametrize("yaw", [-80, -30, 0, 45, 90])
def test_face_of_head_finds_turn_size_and_place(yaw: float) -> None:
    rotation = rotation_matrix(np.array([0.1, np.radians(yaw), 0.2])).astype(np.float32)
    turned = 0.2 * CANONICAL @ rotation.T + np.array([0.3, -0.4, 0], np.float32)
    ears = 0.2 * EAR_BEHIND_EDGE * rotation[:, 2]
    joints = np.zeros((33, 4), np.float32)
    for joint, landmarks in HEAD_LANDMARKS.items():
        joints[joint, :3] = turned[list(landmarks)].mean(0) + (ears if joint in (LEFT_EAR, RIGHT_EAR) else 0)
    face = face_of_head(joints)
    np.testing.assert_allclose(face[:, :2], turned[:, :2], atol=2e-3)
    np.testing.assert_allclose(head_pose(face).rotation, rotation, atol=0.01)


def test_face_of_head_of_one_point_is_finite() -> None:
    assert np.isfinite(face_of_head(np.zeros((33, 4), np.float32))).all()
