"""Motions: mirrors, blends, tensors."""

import numpy as np
import pytest

from streamer.tracking.head_pose import CANONICAL, HeadTransform, head_pose, rotation_matrix
from streamer.tracking.motion import Motion, blend, face_size


def posed(turn=(0.0, 0.0, 0.0), shift=(0.0, 0.0, 0.0), **other):
    face = HeadTransform(0.3, rotation_matrix(np.array(turn, float)), np.array(shift)).apply(CANONICAL)
    body = np.random.default_rng(3).normal(size=(33, 4)).astype(np.float32)
    return Motion.still(face, body, **other)


def test_a_mirror_negates_x_and_swaps_left_and_right():
    motion = posed(turn=(0.1, 0.4, 0.2), shift=(0.2, 0, 0))
    seen = motion.mirrored()
    np.testing.assert_allclose(seen.face[33], motion.face[263] * [-1, 1, 1], atol=1e-6)  # outer eye corners
    np.testing.assert_allclose(seen.face[468], motion.face[473] * [-1, 1, 1], atol=1e-6)  # irises
    np.testing.assert_allclose(seen.body[11], motion.body[12] * [-1, 1, 1, 1])  # shoulders
    np.testing.assert_allclose(seen.body[0], motion.body[0] * [-1, 1, 1, 1])  # the nose stays the nose


def test_a_mirror_turns_the_head_the_other_way():
    motion = posed(turn=(0.1, 0.4, 0.2))
    np.testing.assert_allclose(motion.mirrored().head, rotation_matrix(np.array([0.1, -0.4, -0.2])), atol=1e-3)
    np.testing.assert_allclose(head_pose(motion.mirrored().face).rotation, motion.mirrored().head, atol=1e-3)


def test_two_mirrors_undo_each_other():
    hands = np.random.default_rng(0).normal(size=(2, 21, 4)).astype(np.float32)
    motion = Motion(1.0, CANONICAL, 1.0, posed().body, hands)
    twice = motion.mirrored().mirrored()
    for name in ("face", "body", "hands", "head"):
        np.testing.assert_allclose(getattr(twice, name), getattr(motion, name), atol=1e-6)


def test_a_mirror_takes_a_motion_without_a_person():
    assert Motion(0.0).mirrored().face is None


def test_blends_start_and_end_where_they_should():
    a, b = posed(turn=(0, 0.5, 0)), posed(turn=(0, -0.5, 0), shift=(0.3, 0, 0))
    np.testing.assert_allclose(blend(a, b, 0.0).face, a.face, atol=1e-5)
    np.testing.assert_allclose(blend(a, b, 1.0).face, b.face, atol=1e-5)


def test_a_head_keeps_its_size_on_the_way_through_a_turn():
    a, b = posed(turn=(0, 1.2, 0)), posed(turn=(0, -1.2, 0))
    half = blend(a, b, 0.5)
    assert face_size(half.face) == pytest.approx(face_size(a.face), rel=1e-3)
    np.testing.assert_allclose(half.head, np.eye(3), atol=1e-3)


def test_only_motions_with_faces_can_be_blended():
    with pytest.raises(ValueError, match="with a face"):
        blend(Motion(0.0), posed(), 0.5)
