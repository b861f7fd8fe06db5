"""The motion that another program's tracker makes."""

from __future__ import annotations

import numpy as np
import pytest

from models.geometry.body import LEFT_ELBOW, LEFT_INDEX, LEFT_SHOULDER, LEFT_WRIST, NOSE, RIGHT_SHOULDER, RIGHT_WRIST
from models.geometry.expressions import INDEX
from models.geometry.topology import LOWER_LIP_INNER, UPPER_LIP_INNER
from streamer.sources.expression import weights
from streamer.sources.received_pose import AWAY, REST, ReceivedPose, Tare, to_motion
from streamer.tracking.head_pose import head_pose, rotation_matrix, rotation_vector
from streamer.tracking.motion import VISIBILITY, Motion


def motion_of(pose: ReceivedPose, tare: Tare | None = None, with_body: bool = True) -> Motion:
    return to_motion(pose, tare or Tare(), 1.0, with_body)


def face_of(pose: ReceivedPose, tare: Tare | None = None) -> np.ndarray:
    face = motion_of(pose, tare).face
    assert face is not None
    return face


def test_pose_at_rest_is_the_neutral() -> None:
    motion = motion_of(ReceivedPose(head=np.eye(3), place=np.array([0, 0, 0.6])), Tare(place=np.array([0, 0, 0.6])))
    assert REST.face is not None and motion.face is not None
    np.testing.assert_allclose(motion.face, REST.face, atol=1e-5)
    assert motion.captured == 1.0


@pytest.mark.parametrize("vector", [(0.3, 0, 0), (0, -0.4, 0), (0, 0, 0.2), (0.2, 0.3, -0.1)])
def test_pose_turns_the_head(vector: tuple[float, float, float]) -> None:
    motion = motion_of(ReceivedPose(head=rotation_matrix(np.array(vector))))
    np.testing.assert_allclose(rotation_vector(motion.head), vector, atol=1e-4)


def test_pose_moves_the_face_and_the_tongue() -> None:
    motion = motion_of(ReceivedPose(weights(jawOpen=0.8), tongue=0.5, head=rotation_matrix(np.array([0, 0.3, 0]))))
    face, rest = motion.face, REST.face
    assert face is not None and rest is not None
    shape, usual = head_pose(face).inverse(face), head_pose(rest).inverse(rest)
    lips = [UPPER_LIP_INNER, LOWER_LIP_INNER]
    assert np.diff(shape[lips, 1]) > np.diff(usual[lips, 1]) + 0.1
    assert motion.extras[0] == 0.5


def test_pose_goes_where_the_head_goes_and_grows_as_it_comes_nearer() -> None:
    tare = Tare(place=np.array([0.02, 0.1, 0.6]))
    nearer = face_of(ReceivedPose(place=np.array([0.02, 0.1, 0.4])), tare)
    aside = face_of(ReceivedPose(place=np.array([0.12, 0.1, 0.6])), tare)
    rest = face_of(ReceivedPose(place=tare.place), tare)
    assert head_pose(nearer).scale == pytest.approx(1.5 * head_pose(rest).scale, rel=1e-3)
    np.testing.assert_allclose((aside - rest).mean(0), [0.3 / AWAY * 0.1 / 0.09, 0, 0], atol=1e-4)
    far = face_of(ReceivedPose(place=np.array([9, -9, 9.0])), tare)
    assert np.abs(far).max() < 3


def test_pose_is_straight_where_it_was_when_it_was_tared() -> None:
    aside = rotation_matrix(np.array([-0.35, 0.2, 0]))
    tare = Tare(aside, np.array([0, 0, 0.5]))
    np.testing.assert_allclose(motion_of(ReceivedPose(head=aside), tare).head, np.eye(3), atol=1e-4)
    nod = aside @ rotation_matrix(np.array([0.2, 0, 0]))
    np.testing.assert_allclose(rotation_vector(motion_of(ReceivedPose(head=nod), tare).head), (0.2, 0, 0), atol=1e-4)


def test_pose_without_a_body_leaves_it_to_the_neck() -> None:
    for motion in (motion_of(ReceivedPose()), motion_of(ReceivedPose(arms=np.ones((2, 3, 3))), with_body=False)):
        assert motion.body is not None
        assert motion.body[NOSE, VISIBILITY] == 1 and not motion.body[LEFT_SHOULDER:, VISIBILITY].any()


def test_pose_puts_arms_where_they_point() -> None:
    arms = np.array([[[0, -1, 0]] * 3, [[-0.6, 0.8, 0]] * 2 + [[0, 0, -1]]], float)
    body = motion_of(ReceivedPose(arms=arms)).body
    assert body is not None
    for (start, end), direction in {
        (LEFT_SHOULDER, LEFT_ELBOW): (0, -1, 0), (LEFT_ELBOW, LEFT_WRIST): (0, -1, 0),
        (LEFT_WRIST, LEFT_INDEX): (0, -1, 0),
        (RIGHT_SHOULDER, 14): (-0.6, 0.8, 0), (RIGHT_WRIST, 20): (0, 0, -1),
    }.items():  # fmt: skip
        way = body[end, :3] - body[start, :3]
        np.testing.assert_allclose(way / np.linalg.norm(way), direction, atol=1e-5)
        assert body[end, VISIBILITY] == 1
    assert body[LEFT_SHOULDER, 0] > 0 > body[RIGHT_SHOULDER, 0]


@pytest.mark.parametrize("direction", [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)])
def test_pose_keeps_arms_within_the_cameras_picture(direction: tuple[int, int, int]) -> None:
    body = motion_of(ReceivedPose(arms=np.tile(np.array(direction, float), (2, 3, 1)))).body
    assert body is not None and np.abs(body[11:23, :2]).max() < 1, "joints out there count as not seen"


def test_pose_leans_with_the_chest() -> None:
    lean = rotation_matrix(np.array([0, 0, 0.1]))  # to their own left
    motion = motion_of(ReceivedPose(head=lean, chest=lean))
    assert motion.body is not None and motion.face is not None and REST.face is not None
    assert motion.body[[LEFT_SHOULDER, RIGHT_SHOULDER], 0].mean() > 0.1 / AWAY
    assert (motion.face - REST.face)[:, 0].mean() > 0.15 / AWAY
    assert motion.body[LEFT_SHOULDER, 1] > motion.body[RIGHT_SHOULDER, 1]


def test_pose_with_extreme_values_stays_finite() -> None:
    wild = np.full(len(INDEX), 1.25, np.float32)
    pose = ReceivedPose(
        wild, 1.0, rotation_matrix(np.array([3.1, 0, 0])), np.full(3, 10.0), np.eye(3), np.zeros((2, 3, 3))
    )
    motion = motion_of(pose, Tare(place=np.full(3, -10.0)))
    assert motion.face is not None and motion.body is not None
    assert np.isfinite(motion.face).all() and np.isfinite(motion.body).all() and np.isfinite(motion.head).all()
