"""A head whose face is not found goes where the body's head joints are, and found faces take over without a jump."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from models.geometry.body import NOSE, RIGHT_EAR
from models.geometry.topology import LOWER_LIP_INNER, UPPER_LIP_INNER
from streamer.tracking.clip_scenes import clip_scenes
from streamer.tracking.facing import yaw_of
from streamer.tracking.head_guess import EAR_BEHIND_EDGE, HEAD_LANDMARKS
from streamer.tracking.head_of_body import HANDOVER_S, Handover, HeadOfBody, first_neutral, sees_head
from streamer.tracking.head_pose import head_pose, rotation_vector
from streamer.tracking.motion import VISIBILITY, Motion, face_size
from streamer.tracking.presence import Presence
from tests.support.people import STEP, nobody, person


def with_head(motion, growth=1.0):
    """The motion with the head joints of its body on its face, which is larger than they tell by the factor growth."""
    pose = head_pose(motion.face)
    shape, body = pose.inverse(motion.face), motion.body.copy()
    for joint, landmarks in HEAD_LANDMARKS.items():
        place = shape[list(landmarks)].mean(0) / np.float32(growth)
        place[2] += EAR_BEHIND_EDGE * (joint in (RIGHT_EAR - 1, RIGHT_EAR)) / growth
        body[joint, :3] = pose.apply(place[None])[0]
    body[: NOSE + 11, VISIBILITY] = 1
    return replace(motion, body=body)


def without_face(motion):
    return replace(motion, face=None, face_confidence=0.0)


def turned_by(a, b):
    """Degrees between two heads."""
    turn = head_pose(a.face).rotation @ head_pose(b.face).rotation.T
    return float(np.degrees(np.linalg.norm(rotation_vector(turn))))


def joints_of_head(motion):
    """The 11 joints of which only those that are compared exist are put on the face's middle."""
    body = motion.body.copy()
    unset = [joint for joint in range(11) if joint not in HEAD_LANDMARKS]
    body[unset, :3] = body[NOSE, :3]
    return replace(motion, body=body)


def seen(at=0.0, growth=1.0, **how):
    return joints_of_head(with_head(person(at, **how), growth))


@pytest.mark.parametrize("yaw", [-1.2, -0.5, 0.0, 0.8])
def test_place_puts_the_neutral_face_on_the_head_of_the_body(yaw):
    heads, base = HeadOfBody(), seen()
    heads.learn([base])
    now = seen(turn=(0, yaw, 0), shift=(0.4, -0.1, 0), mouth=0.3)
    placed = heads.place(without_face(now), base)
    assert turned_by(placed, now) < 3
    middle = np.linalg.norm(head_pose(placed.face).shift[:2] - head_pose(now.face).shift[:2])
    assert middle < 0.15 * face_size(base.face)
    assert head_pose(placed.face).scale == pytest.approx(head_pose(now.face).scale, rel=0.05)
    lips = placed.face[LOWER_LIP_INNER] - placed.face[UPPER_LIP_INNER]
    rest = base.face[LOWER_LIP_INNER] - base.face[UPPER_LIP_INNER]
    assert np.linalg.norm(lips) == pytest.approx(np.linalg.norm(rest), abs=0.01)
    assert 0 < placed.face_confidence < 0.5


def test_learn_takes_over_by_how_much_found_faces_are_larger():
    heads, base = HeadOfBody(), seen(growth=1.2)
    heads.learn([base] * 5)
    placed = heads.place(without_face(base), base)
    assert head_pose(placed.face).scale == pytest.approx(head_pose(base.face).scale, rel=0.01)


def test_learn_from_absurd_joints_stays_bounded():
    heads, base = HeadOfBody(), seen()
    random = np.random.default_rng(0)
    for _ in range(20):
        body = base.body.copy()
        body[:, :3] = random.normal(0, 50, (33, 3))
        heads.learn([replace(base, body=body)])
    face = heads.place(without_face(base), base).face
    assert np.isfinite(face).all()
    assert 0.5 < face_size(face) / face_size(base.face) < 2


def test_a_head_that_the_body_does_not_show_is_not_placed():
    base, heads = seen(), HeadOfBody()
    hidden = base.body.copy()
    hidden[NOSE, VISIBILITY] = 0.1
    nowhere = base.body.copy()
    nowhere[NOSE, 0] = np.nan
    for body in (None, hidden, nowhere, np.zeros((33, 4), np.float32)):
        assert not sees_head(body)
        assert heads.place(Motion(0.0, body=body), base).face is None


def test_first_neutral_is_of_the_first_body_with_the_first_face():
    clip = [nobody(), without_face(seen(STEP, shift=(0.3, 0, 0))), seen(2 * STEP, mouth=0.2)]
    heads = HeadOfBody()
    heads.learn(clip)
    base = first_neutral(clip, clip[2], heads)
    assert base.captured == STEP
    np.testing.assert_array_equal(base.body, clip[1].body)
    assert abs(head_pose(base.face).shift[0] - 0.3) < 0.05
    shape, found = (head_pose(motion.face).inverse(motion.face) for motion in (base, clip[2]))
    np.testing.assert_allclose(shape, found, atol=1e-3)


def test_first_neutral_without_any_face_or_body():
    assert first_neutral([nobody()], None, HeadOfBody()) is None
    alone = first_neutral([without_face(seen())], None, HeadOfBody())
    assert alone is not None and alone.face is not None


def test_handover_begins_with_what_was_shown_and_ends_with_the_target():
    shown, target = seen(turn=(0, 0.5, 0), mouth=0.2), seen(1.0, turn=(0, -0.2, 0.1), shift=(0.2, 0, 0))
    handover = Handover(shown, target, 1.0)
    np.testing.assert_allclose(handover.apply(target, 1.0).face, shown.face, atol=1e-4)
    np.testing.assert_allclose(handover.apply(target, 1.0 + HANDOVER_S).face, target.face, atol=1e-4)
    assert handover.ends_before(1.0 + HANDOVER_S) and not handover.ends_before(1.0)
    np.testing.assert_array_equal(handover.apply(target, 1.1).body, target.body)


def test_a_body_moves_on_and_takes_the_head_along_when_the_face_is_lost_and_found():
    """A dancer who goes to the right, without a face in the middle of the clip."""
    presence, base = Presence(), seen()
    shown, truth = [], []
    for i in range(60):
        now = seen(i * STEP, turn=(0, 0.01 * i, 0), shift=(0.02 * i, 0, 0), growth=1.1)
        truth.append(now)
        motion = without_face(now) if 20 <= i < 40 else now
        shown.append(presence.resolve(motion, base, i * STEP))
    steps = np.array([np.linalg.norm(b.face - a.face, axis=1).max() for a, b in pairwise(shown)])
    assert steps.max() < 0.15 * face_size(base.face)
    for motion, true in zip(shown, truth, strict=True):
        np.testing.assert_array_equal(motion.body, true.body)
        assert np.abs(head_pose(motion.face).shift[:2] - head_pose(true.face).shift[:2]).max() < 0.12
    np.testing.assert_array_equal(shown[-1].face, truth[-1].face)


def test_head_goes_along_with_its_body_while_one_source_replaces_the_other():
    presence, base = Presence(), seen()
    places = []
    for i in range(40):
        at = i * STEP
        walking = seen(at, shift=(0.8 * at, 0, 0))
        shown = presence.resolve(without_face(walking) if 10 <= i < 16 else walking, base, at)
        places.append(head_pose(shown.face).shift[0])
    steps = np.diff(places[1:]) / (0.8 * STEP)
    assert steps.min() > 0.5 and steps.max() < 1.5


def test_head_does_not_jump_where_its_source_changes_while_a_body_eases_in():
    presence, base = Presence(), seen()
    there = seen(shift=(0.8, 0, 0))
    script = [replace(there, body=None)] * 8 + [without_face(there)] * 20
    shown = [presence.resolve(motion, base, i * STEP) for i, motion in enumerate(script)]
    places = np.array([head_pose(motion.face).shift[0] for motion in shown])
    assert np.abs(places - 0.8).max() < 0.2


def test_a_neutral_of_a_film_whose_face_is_not_found_keeps_the_light_of_the_one_that_was():
    lit = [replace(seen(i * STEP), shade=np.ones_like(nobody().shade)) for i in range(5)]
    away = [without_face(seen(i * STEP, turn=(0, 1.2, 0))) for i in range(5, 25)]
    [scene] = clip_scenes([*lit, *away], "first", HeadOfBody(), -1.2)
    assert yaw_of(scene.neutral) == pytest.approx(-1.2, abs=0.1)
    assert scene.neutral.shade.min() == 1
