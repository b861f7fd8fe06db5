"""From one scene's neutral to the next, what is shown stays related in the same way."""

import numpy as np
import pytest

from streamer.tracking.head_pose import head_pose, rotation_vector
from streamer.tracking.motion import Motion
from streamer.tracking.neutral_change import carried_over, neutral_for
from tests.support.people import nobody, person


def relation(motion, neutral):
    """Rotation vector, log of growth, shift in sizes of the neutral's face, and change of shape."""
    head, base = head_pose(motion.face), head_pose(neutral.face)
    turn = rotation_vector(head.rotation @ base.rotation.T)
    shape = head.inverse(motion.face) - base.inverse(neutral.face) - neutral.correction
    return turn, np.log(head.scale / base.scale), (head.shift - base.shift) / base.scale, shape


def scaled(motion, factor):
    return Motion.still(motion.face * factor, motion.body * [factor, factor, factor, 1], motion.captured)


OLD, SHOWN = person(mouth=0.02), person(turn=(0.1, 0.3, 0.05), shift=(0.1, 0.05, 0.02), mouth=0.15)
NEW = scaled(person(turn=(0, -0.2, 0), shift=(-0.4, 0.1, 0), smile=0.1), 0.6)


def assert_related_alike(pair, other):
    for one, two in zip(relation(*pair), relation(*other), strict=True):
        np.testing.assert_allclose(one, two, atol=2e-3)


def test_what_is_carried_over_relates_to_the_new_neutral_as_before():
    assert_related_alike((carried_over(SHOWN, OLD, NEW), NEW), (SHOWN, OLD))


def test_the_neutral_itself_becomes_the_new_one():
    moved = carried_over(OLD, OLD, NEW)
    np.testing.assert_allclose(moved.face, NEW.face, atol=1e-3)


def test_a_provisional_neutral_continues_what_was_shown():
    found = scaled(person(turn=(0, 0.1, 0), shift=(0.5, 0, 0), mouth=0.3), 1.4)
    provisional = neutral_for(found, SHOWN, OLD)
    assert_related_alike((found, provisional), (SHOWN, OLD))
    assert provisional.body is not None


def test_bodies_stand_to_their_heads_as_before():
    moved = carried_over(SHOWN, OLD, NEW)
    head, base = head_pose(SHOWN.face), head_pose(OLD.face)
    after = head_pose(NEW.face)
    seen = SHOWN.body[:, 3] > 0
    before = (SHOWN.body[seen, :3] - base.shift) / base.scale
    np.testing.assert_allclose((moved.body[seen, :3] - after.shift) / after.scale, before, atol=1e-3)
    assert head.scale > 0


def test_motions_without_a_face_are_left_and_make_no_neutral():
    assert carried_over(nobody(), OLD, NEW).face is None
    with pytest.raises(ValueError, match="needs a face"):
        neutral_for(nobody(), SHOWN, OLD)
