"""Head poses are found from landmarks and can be interpolated."""

import numpy as np
import pytest

from models.geometry.topology import CHIN, LOWER_LIP_INNER, LOWER_LIP_OUTER, UPPER_LIP_INNER
from streamer.tracking.head_pose import CANONICAL, HeadTransform, head_pose, rotation_matrix, rotation_vector

TURNS = [(0, 0, 0), (0.2, 0, 0), (0, -0.9, 0.1), (0.1, 0.3, 1.2), (1.0, -2.0, 0.5)]


@pytest.mark.parametrize("turn", TURNS)
def test_head_pose_finds_the_transform_that_was_applied(turn):
    given = HeadTransform(0.3, rotation_matrix(np.array(turn, float)), np.array([0.1, -0.2, 0.05]))
    found = head_pose(given.apply(CANONICAL))
    assert found.scale == pytest.approx(0.3, rel=1e-4)
    np.testing.assert_allclose(found.rotation, given.rotation, atol=1e-4)
    np.testing.assert_allclose(found.shift, given.shift, atol=1e-4)


def test_inverse_undoes_apply():
    pose = HeadTransform(0.4, rotation_matrix(np.array([0.3, -0.5, 0.2])), np.array([0.3, 0.1, -0.2]))
    np.testing.assert_allclose(pose.inverse(pose.apply(CANONICAL)), CANONICAL, atol=1e-5)


def test_head_pose_is_independent_of_the_jaw():
    face = CANONICAL.copy()
    face[[UPPER_LIP_INNER, LOWER_LIP_INNER, LOWER_LIP_OUTER, CHIN, 200, 199, 175]] += [0, 0.25, 0.05]
    np.testing.assert_allclose(head_pose(face).rotation, np.eye(3), atol=1e-3)


def test_head_pose_of_a_degenerate_face_is_finite():
    pose = head_pose(np.zeros((478, 3), np.float32))
    assert np.isfinite(pose.rotation).all() and np.isfinite(pose.shift).all() and pose.scale > 0


@pytest.mark.parametrize("turn", TURNS)
def test_rotation_vector_is_the_inverse_of_rotation_matrix(turn):
    np.testing.assert_allclose(rotation_vector(rotation_matrix(np.array(turn, float))), turn, atol=1e-6)


def test_towards_halves_rotation_and_shift():
    start = HeadTransform(0.2, np.eye(3), np.zeros(3))
    end = HeadTransform(0.8, rotation_matrix(np.array([0, 1.0, 0])), np.array([1.0, 0, 0]))
    half = start.towards(end, 0.5)
    np.testing.assert_allclose(rotation_vector(half.rotation), [0, 0.5, 0], atol=1e-5)
    np.testing.assert_allclose(half.shift, [0.5, 0, 0], atol=1e-6)
    assert half.scale == pytest.approx(0.4)
