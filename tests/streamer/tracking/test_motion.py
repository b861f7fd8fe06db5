"""Motions can be mirrored and interpolated."""

from dataclasses import replace

import numpy as np
import pytest

from models.geometry.body import LEFT_SHOULDER, NOSE, RIGHT_SHOULDER
from models.geometry.topology import LEFT_EYE_OUTER, LEFT_IRIS, RIGHT_EYE_OUTER, RIGHT_IRIS
from streamer.tracking.head_pose import CANONICAL, HeadTransform, head_pose, rotation_matrix
from streamer.tracking.motion import CONFIDENCE, KEYFRAME, Motion, blend, face_size
from tests.support.people import with_torso


def posed(turn=(0.0, 0.0, 0.0), shift=(0.0, 0.0, 0.0), **other):
    face = HeadTransform(0.3, rotation_matrix(np.array(turn, float)), np.array(shift)).apply(CANONICAL)
    body = np.random.default_rng(3).normal(size=(33, 4)).astype(np.float32)
    return Motion.still(face, body, **other)


def test_mirrored_negates_x_and_swaps_left_and_right():
    motion = posed(turn=(0.1, 0.4, 0.2), shift=(0.2, 0, 0))
    mirrored = motion.mirrored()
    np.testing.assert_allclose(mirrored.face[RIGHT_EYE_OUTER], motion.face[LEFT_EYE_OUTER] * [-1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(mirrored.face[RIGHT_IRIS], motion.face[LEFT_IRIS] * [-1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(mirrored.body[LEFT_SHOULDER], motion.body[RIGHT_SHOULDER] * [-1, 1, 1, 1])
    np.testing.assert_allclose(mirrored.body[NOSE], motion.body[NOSE] * [-1, 1, 1, 1])


def test_mirrored_rotates_the_head_the_other_way():
    motion = posed(turn=(0.1, 0.4, 0.2))
    np.testing.assert_allclose(motion.mirrored().head, rotation_matrix(np.array([0.1, -0.4, -0.2])), atol=1e-3)
    np.testing.assert_allclose(head_pose(motion.mirrored().face).rotation, motion.mirrored().head, atol=1e-3)


def test_mirrored_twice_is_the_identity():
    hands = np.random.default_rng(0).normal(size=(2, 21, 4)).astype(np.float32)
    motion = Motion(1.0, CANONICAL, 1.0, posed().body, hands)
    twice = motion.mirrored().mirrored()
    for name in ("face", "body", "hands", "head"):
        np.testing.assert_allclose(getattr(twice, name), getattr(motion, name), atol=1e-6)


def test_mirrored_accepts_a_motion_without_a_face():
    assert Motion(0.0).mirrored().face is None


def test_blend_begins_at_the_first_motion_and_ends_at_the_second():
    a, b = posed(turn=(0, 0.5, 0)), posed(turn=(0, -0.5, 0), shift=(0.3, 0, 0))
    np.testing.assert_allclose(blend(a, b, 0.0).face, a.face, atol=1e-5)
    np.testing.assert_allclose(blend(a, b, 1.0).face, b.face, atol=1e-5)


def test_blend_interpolates_tongue_and_blush_and_mirrors_keep_them():
    a, b = posed(), replace(posed(), extras=np.array([1, 0.5], np.float32))
    np.testing.assert_allclose(blend(a, b, 0.5).extras, [0.5, 0.25])
    np.testing.assert_array_equal(b.mirrored().extras, b.extras)


def test_blend_keeps_the_size_of_a_rotating_head():
    a, b = posed(turn=(0, 1.2, 0)), posed(turn=(0, -1.2, 0))
    half = blend(a, b, 0.5)
    assert face_size(half.face) == pytest.approx(face_size(a.face), rel=1e-3)
    np.testing.assert_allclose(half.head, np.eye(3), atol=1e-3)


def test_blend_refuses_a_motion_without_a_face():
    with pytest.raises(ValueError, match="with a face"):
        blend(Motion(0.0), posed(), 0.5)


def test_mirrored_swaps_the_torso_points():
    motion = with_torso(0.1)
    mirrored = motion.mirrored().torso
    np.testing.assert_allclose(mirrored[:, :2], [[0.3, 0.3], [-0.5, 0.3]], atol=1e-6)
    np.testing.assert_array_equal(mirrored[:, 2:], motion.torso[:, 2:])
    np.testing.assert_array_equal(motion.mirrored().mirrored().torso, motion.torso)


def test_blend_interpolates_torsos_of_one_keyframe_and_fades_a_missing_one():
    half = blend(with_torso(0.0), with_torso(0.2), 0.5).torso
    np.testing.assert_allclose(half[:, 0], [0.5, -0.3], atol=1e-6)
    unmeasured = Motion.still(CANONICAL)
    for a, b, confidence in ((with_torso(0.2), unmeasured, 0.75), (unmeasured, with_torso(0.2), 0.25)):
        torso = blend(a, b, 0.25).torso
        np.testing.assert_allclose(torso[:, :3], with_torso(0.2).torso[:, :3])
        np.testing.assert_allclose(torso[:, CONFIDENCE], confidence)
    second = blend(with_torso(0, keyframe=1), with_torso(0.2, keyframe=2), 1.0)
    np.testing.assert_array_equal(second.torso[:, KEYFRAME], [2, 2])


def test_mirrored_swaps_the_eyes_and_mirrors_the_correction():
    correction = np.zeros((478, 3), np.float32)
    correction[RIGHT_EYE_OUTER] = 0.1, 0.2, 0.3
    lids = np.array([[0.2, 1.0], [0.9, 0.5]], np.float32)
    mirrored = replace(posed(), lids=lids, correction=correction).mirrored()
    np.testing.assert_allclose(mirrored.lids, lids[::-1])
    np.testing.assert_allclose(mirrored.correction[LEFT_EYE_OUTER], [-0.1, 0.2, 0.3])
    assert np.abs(mirrored.correction[RIGHT_EYE_OUTER]).max() == 0


def test_blend_fades_lids_that_only_one_motion_measured():
    measured = replace(posed(), lids=np.array([[0.4, 1.0], [0.6, 1.0]], np.float32))
    for a, b, weight in ((measured, posed(), 0.75), (posed(), measured, 0.25)):
        np.testing.assert_allclose(blend(a, b, 0.25).lids, [[0.4, weight], [0.6, weight]], atol=1e-6)
    shut = replace(posed(), lids=np.array([[0.0, 1.0], [0.0, 1.0]], np.float32))
    np.testing.assert_allclose(blend(measured, shut, 0.5).lids, [[0.2, 1.0], [0.3, 1.0]], atol=1e-6)
    np.testing.assert_array_equal(blend(posed(), posed(), 0.5).lids, 0)
