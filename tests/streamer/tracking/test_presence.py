"""While no face is found the avatar holds, rests and returns, always with a face and never with a jump."""

from dataclasses import replace

import numpy as np
import pytest

from models.geometry.body import LEFT_SHOULDER
from models.geometry.topology import (
    LOWER_LIP_INNER,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_LIP_INNER,
)
from streamer.tracking.head_pose import head_pose, rotation_vector
from streamer.tracking.motion import face_size
from streamer.tracking.presence import EASE_IN_S, EASE_OUT_S, HOLD_S, NEUTRAL, Presence
from tests.support.people import STEP, nobody, person

BASE = person()


def play(presence, script, neutral=BASE, start=0.0):
    """The resolved motions. script: for each frame a function from its time to the tracked motion."""
    return [presence.resolve(make(start + i * STEP), neutral, start + i * STEP) for i, make in enumerate(script)]


def largest_step(motions):
    """Largest distance of a landmark between two frames, in face sizes."""
    faces = np.array([motion.face for motion in motions])
    return float(np.linalg.norm(np.diff(faces, axis=0), axis=-1).max()) / face_size(BASE.face)


def looking_away(at):
    return person(at, turn=(0, 0.5, 0), shift=(0.3, 0, 0))


def lid_gap(motion):
    """In face sizes."""
    upper, lower = motion.face[[RIGHT_UPPER_LID, RIGHT_LOWER_LID]]
    return float(np.linalg.norm(upper - lower)) / face_size(motion.face)


def test_resolve_returns_tracked_motions_unchanged():
    presence = Presence()
    for i in range(30):
        motion = person(i * STEP, turn=(0, 0.1 * np.sin(i), 0))
        shown = presence.resolve(motion, BASE, i * STEP)
        np.testing.assert_array_equal(shown.face, motion.face)
        assert shown.captured == motion.captured


def test_resolve_returns_motions_of_a_slow_tracker_unchanged():
    presence = Presence()
    for i in range(30):
        motion = person(0.3 * i, turn=(0, 0.1 * np.sin(i), 0))
        np.testing.assert_array_equal(presence.resolve(motion, BASE, 0.3 * i).face, motion.face)


def test_resolve_ignores_tracked_motions_before_calibration():
    shown = play(Presence(), [looking_away] * 50, neutral=None)
    for motion in shown:
        away = rotation_vector(head_pose(motion.face, NEUTRAL.face).rotation)
        assert np.abs(np.degrees(away)).max() < 5
    assert largest_step(shown) < 0.15


def test_resolve_holds_the_last_motion_and_then_eases_to_the_neutral():
    presence = Presence()
    shown = play(presence, [looking_away] * 5 + [nobody] * 100)
    held = shown[4 : 5 + int(HOLD_S / STEP) - 1]
    assert all(np.array_equal(motion.face, held[0].face) for motion in held)
    end = rotation_vector(head_pose(shown[-1].face, BASE.face).rotation)
    assert np.abs(np.degrees(end)).max() < 5
    assert largest_step(shown[:-1]) < 0.15


def test_resolve_bridges_short_gaps_without_easing():
    presence = Presence()
    play(presence, [looking_away] * 5 + [nobody] * 2)
    back = person(7 * STEP, turn=(0, 0.52, 0))
    np.testing.assert_array_equal(presence.resolve(back, BASE, 7 * STEP).face, back.face)


@pytest.mark.parametrize("away", [4, 14, 60], ids=["while held", "while easing out", "at rest"])
def test_resolve_eases_a_returning_face_in_and_then_returns_it_unchanged(away):
    script = [looking_away] * 5 + [nobody] * away + [lambda at: person(at, turn=(0.2, -0.5, 0))] * 20
    shown = play(Presence(), script)
    assert largest_step(shown) < 0.4
    np.testing.assert_array_equal(shown[-1].face, person(turn=(0.2, -0.5, 0)).face)
    assert EASE_IN_S < 20 * STEP


def test_resolve_without_a_face_idles_about_the_neutral():
    shown = play(Presence(), [nobody] * round(30 / STEP))
    turns = np.degrees([rotation_vector(head_pose(motion.face, BASE.face).rotation) for motion in shown])
    assert 1 < np.ptp(turns[:, 1]) < 14 and np.abs(turns).max() < 8
    assert largest_step(shown) < 0.2
    assert [motion.captured for motion in shown[:2]] == [0.0, STEP]


def test_resolve_is_deterministic_given_the_seed():
    first, again, other = (play(Presence(seed), [nobody] * 100) for seed in (1, 1, 2))
    assert all(np.array_equal(a.face, b.face) for a, b in zip(first, again, strict=True))
    assert any(not np.allclose(a.face, b.face, atol=1e-4) for a, b in zip(first, other, strict=True))


def test_resolve_returns_the_first_motion_without_easing():
    motion = looking_away(0.0)
    np.testing.assert_array_equal(Presence().resolve(motion, BASE, 0.0).face, motion.face)


def test_resolve_eases_from_the_new_neutral_when_calibration_ends():
    presence = Presence()
    uncalibrated = play(presence, [person] * 20, neutral=None)
    calibrated = play(presence, [looking_away] * 20, start=20 * STEP)
    start = np.abs(calibrated[0].face - BASE.face).max() / face_size(BASE.face)
    assert start < 0.15  # the person's proportions, not those of NEUTRAL
    assert largest_step(calibrated) < 0.31  # the head may idle some degrees to the other side
    assert uncalibrated[-1].face is not None


def test_resolve_takes_a_missing_body_from_the_neutral():
    shown = Presence().resolve(person(0.0, turn=(0, 0.2, 0), body=False), BASE, 0.0)
    np.testing.assert_array_equal(shown.body, BASE.body)


def test_easing_ends_after_its_duration():
    shown = play(Presence(), [looking_away] * 5 + [nobody] * 60)
    done = 5 + round((HOLD_S + EASE_OUT_S) / STEP) + 1
    moves = np.array([np.abs(b.face - a.face).max() for a, b in zip(shown[done:-1], shown[done + 1 :], strict=True)])
    assert np.median(moves) < 0.003


def test_an_idle_avatar_shows_the_corrected_neutral():
    """A neutral that talks is corrected; while nobody is seen the mouth is not open."""
    talking = person(mouth=0.2)
    shape = head_pose(talking.face).inverse(talking.face)
    correction = head_pose(BASE.face).inverse(BASE.face) - shape
    shown = play(Presence(), [nobody] * 5, neutral=replace(talking, correction=correction))[-1]
    assert np.linalg.norm(shown.face[UPPER_LIP_INNER] - shown.face[LOWER_LIP_INNER]) < 0.02 * face_size(BASE.face)


def with_body(motion, shift, at):
    """A motion whose body is elsewhere, without a face."""
    body = BASE.body.copy()
    body[:, 0] += shift
    return replace(motion, captured=at, face=None, body=body)


def test_a_body_that_is_still_found_moves_on_and_carries_the_head():
    script = [person] * 5 + [lambda at: with_body(person(), 0.4 * (at - 4 * STEP), at)] * 60
    shown = play(Presence(), script)
    for motion in shown[5:]:
        expected = BASE.body[LEFT_SHOULDER, 0] + 0.4 * (motion.captured - 4 * STEP)
        assert motion.body[LEFT_SHOULDER, 0] == pytest.approx(expected, abs=0.08)
    moved = head_pose(shown[-1].face).shift - head_pose(BASE.face).shift
    assert moved[0] == pytest.approx(0.4 * 60 * STEP, abs=0.05)
    assert largest_step(shown) < 0.2


def test_a_body_that_comes_or_goes_does_not_jump():
    def elsewhere(at):
        body = BASE.body.copy()
        body[:, 1] += 0.5
        return replace(person(at), body=body)

    script = [elsewhere] * 10 + [lambda at: person(at, body=False)] * 20 + [elsewhere] * 20
    shown = play(Presence(), script)
    heights = np.array([motion.body[LEFT_SHOULDER, 1] for motion in shown])
    assert np.abs(np.diff(heights)).max() < 0.14
    assert heights[29] == BASE.body[LEFT_SHOULDER, 1] and heights[-1] == heights[0]
    gone = play(Presence(), [lambda at: with_body(person(), 0.5, at)] * 60 + [nobody] * 60)
    assert largest_step(gone) < 0.35
