"""Nobody in the picture: hold, rest, come back, and never a gap or a jump."""

import numpy as np
import pytest

from streamer.tracking.head_pose import head_pose, rotation_vector
from streamer.tracking.motion import face_size
from streamer.tracking.presence import EASE_IN_S, EASE_OUT_S, HOLD_S, NEUTRAL, Presence
from tests.support.people import STEP, nobody, person

BASE = person()


def play(presence, script, neutral=BASE, start=0.0):
    """script: one motion maker (of the time) for each frame."""
    return [presence.resolve(make(start + i * STEP), neutral, start + i * STEP) for i, make in enumerate(script)]


def largest_step(motions):
    """Largest way of a landmark from one frame to the next, in face sizes."""
    faces = np.array([motion.face for motion in motions])
    return float(np.linalg.norm(np.diff(faces, axis=0), axis=-1).max()) / face_size(BASE.face)


def looking_away(at):
    return person(at, turn=(0, 0.5, 0), shift=(0.3, 0, 0))


def lid_gap(motion):
    return float(np.linalg.norm(motion.face[159] - motion.face[145])) / face_size(motion.face)


def test_a_person_passes_through_untouched():
    presence = Presence()
    for i in range(30):
        motion = person(i * STEP, turn=(0, 0.1 * np.sin(i), 0))
        shown = presence.resolve(motion, BASE, i * STEP)
        np.testing.assert_array_equal(shown.face, motion.face)
        assert shown.captured == motion.captured


def test_a_person_passes_through_a_slow_tracker_too():
    presence = Presence()
    for i in range(30):
        motion = person(0.3 * i, turn=(0, 0.1 * np.sin(i), 0))
        np.testing.assert_array_equal(presence.resolve(motion, BASE, 0.3 * i).face, motion.face)


def test_before_calibration_the_character_rests_whatever_the_person_does():
    seen = play(Presence(), [looking_away] * 50, neutral=None)
    for motion in seen:
        away = rotation_vector(head_pose(motion.face, NEUTRAL.face).rotation)
        assert np.abs(np.degrees(away)).max() < 5
    assert largest_step(seen) < 0.15


def test_a_lost_face_is_held_and_then_comes_to_rest():
    presence = Presence()
    seen = play(presence, [looking_away] * 5 + [nobody] * 100)
    held = seen[4 : 5 + int(HOLD_S / STEP) - 1]
    assert all(np.array_equal(motion.face, held[0].face) for motion in held)
    end = rotation_vector(head_pose(seen[-1].face, BASE.face).rotation)
    assert np.abs(np.degrees(end)).max() < 5
    assert largest_step(seen[:-1]) < 0.15


def test_a_hiccup_of_the_tracker_is_bridged_without_easing():
    presence = Presence()
    play(presence, [looking_away] * 5 + [nobody] * 2)
    back = person(7 * STEP, turn=(0, 0.52, 0))
    np.testing.assert_array_equal(presence.resolve(back, BASE, 7 * STEP).face, back.face)


@pytest.mark.parametrize("away", [8, 14, 60], ids=["while held", "while easing out", "at rest"])
def test_a_face_that_returns_is_eased_in_and_then_followed_exactly(away):
    script = [looking_away] * 5 + [nobody] * away + [lambda at: person(at, turn=(0.2, -0.5, 0))] * 20
    seen = play(Presence(), script)
    assert largest_step(seen) < 0.35
    np.testing.assert_array_equal(seen[-1].face, person(turn=(0.2, -0.5, 0)).face)
    assert EASE_IN_S < 20 * STEP


def test_rest_breathes_blinks_sways_and_stays_near_the_neutral():
    seen = play(Presence(), [nobody] * round(30 / STEP))
    gaps = np.array([lid_gap(motion) for motion in seen])
    blinks = int(((gaps[1:] < 0.5 * gaps[0]) & (gaps[:-1] >= 0.5 * gaps[0])).sum())
    assert 4 <= blinks <= 15
    shoulders = np.array([motion.body[11, 1] for motion in seen])
    assert 0.005 < np.ptp(shoulders) < 0.05
    turns = np.degrees([rotation_vector(head_pose(motion.face, BASE.face).rotation) for motion in seen])
    assert 1 < np.ptp(turns[:, 1]) < 8 and np.abs(turns).max() < 5
    assert largest_step(seen) < 0.2


def test_the_eyes_keep_the_gaze_of_the_neutral():
    shape = [head_pose(motion.face).inverse(motion.face)[468] for motion in play(Presence(), [nobody] * 200)]
    assert np.ptp(np.array(shape), axis=0).max() < 1e-2


def test_rest_is_the_same_for_the_same_seed_only():
    first, again, other = (play(Presence(seed), [nobody] * 100) for seed in (1, 1, 2))
    assert all(np.array_equal(a.face, b.face) for a, b in zip(first, again, strict=True))
    assert any(not np.allclose(a.face, b.face, atol=1e-4) for a, b in zip(first, other, strict=True))


def test_the_first_frame_of_a_file_is_followed_at_once():
    motion = looking_away(0.0)
    np.testing.assert_array_equal(Presence().resolve(motion, BASE, 0.0).face, motion.face)


def test_calibration_done_while_the_person_is_there_eases_from_rest():
    presence = Presence()
    anonymous = play(presence, [person] * 20, neutral=None)
    following = play(presence, [looking_away] * 20, start=20 * STEP)
    start = np.abs(following[0].face - BASE.face).max() / face_size(BASE.face)
    assert start < 0.15  # at rest in the person's own measures, not where NEUTRAL was
    assert largest_step(following) < 0.25
    assert anonymous[-1].face is not None


def test_a_body_that_is_not_seen_is_the_neutrals():
    shown = Presence().resolve(person(0.0, turn=(0, 0.2, 0), body=False), BASE, 0.0)
    np.testing.assert_array_equal(shown.body, BASE.body)


def test_the_eases_are_over_when_they_say():
    seen = play(Presence(), [looking_away] * 5 + [nobody] * 60)
    done = 5 + round((HOLD_S + EASE_OUT_S) / STEP) + 1
    moves = np.array([np.abs(b.face - a.face).max() for a, b in zip(seen[done:-1], seen[done + 1 :], strict=True)])
    assert np.median(moves) < 0.003
