"""Idling: at human rates, without repeating, without jumps, the same by the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from models.geometry.body import LEFT_HIP, LEFT_SHOULDER
from models.geometry.topology import LEFT_IRIS, RIGHT_IRIS
from streamer.tracking.eyelids import lid_aspects
from streamer.tracking.head_pose import CANONICAL, Array, head_pose, rotation_vector
from streamer.tracking.idle_habits import LEAST, IdleHabits
from streamer.tracking.idle_motion import IdleMotion
from streamer.tracking.motion import Motion
from streamer.tracking.presence import NEUTRAL

STEP = 0.04


def play(seconds: float, seed: int = 0, since: float = 0.0) -> list[Motion]:
    idle = IdleMotion(seed)
    return [idle.at(NEUTRAL, since + STEP * number) for number in range(round(seconds / STEP))]


@pytest.fixture(scope="module")
def minutes() -> list[Motion]:
    """Four minutes of it."""
    return play(240)


def shape_of(motion: Motion) -> Array:
    assert motion.face is not None
    return head_pose(motion.face).inverse(motion.face)


def turns_of(motions: list[Motion]) -> Array:
    """(T, 3) degrees of the head."""
    return np.degrees([rotation_vector(motion.head) for motion in motions]).astype(np.float32)


def gaze_of(motions: list[Motion]) -> Array:
    """(T, 2) way of the irises, canonical units."""
    both = [shape_of(motion)[[RIGHT_IRIS, LEFT_IRIS], :2].mean(0) for motion in motions]
    return np.array(both) - CANONICAL[[RIGHT_IRIS, LEFT_IRIS], :2].mean(0)


def shut(motions: list[Motion]) -> Array:
    """(T,) whether the eyes are less than half open."""
    rest = lid_aspects(CANONICAL).mean()
    return np.array([lid_aspects(shape_of(motion)).mean() < 0.5 * rest for motion in motions])


def test_blinks_come_as_often_and_as_unevenly_as_peoples(minutes: list[Motion]) -> None:
    closed = shut(minutes)
    begins = np.flatnonzero(closed[1:] & ~closed[:-1]) * STEP
    assert 12 < len(begins) / 4 < 26, "in a minute"
    gaps = np.diff(begins)
    assert 0.35 < gaps.std() / gaps.mean() < 1.2 and gaps.max() < 15
    assert 0.02 < closed.mean() < 0.12


def test_it_breathes_looks_about_and_shifts_its_weight(minutes: list[Motion]) -> None:
    motions = minutes[: round(90 / STEP)]
    body = np.array([motion.body for motion in motions])
    width = 2 * float(body[0, LEFT_SHOULDER, 0])
    assert 0.01 < np.ptp(body[:, LEFT_SHOULDER, 1]) / width < 0.03
    assert 0.02 < np.ptp(body[:, LEFT_SHOULDER, 0]) / width < 0.08
    assert np.ptp(body[:, LEFT_HIP, 0]) == 0, "who stands, stands"
    gaze = gaze_of(motions)
    assert (np.abs(gaze).max(0) > [0.01, 0.004]).all() and np.abs(gaze).max() < 0.06
    assert np.median(np.abs(gaze[:, 0])) < 0.01, "mostly into the camera"
    assert (np.ptp(turns_of(motions), axis=0) > 1).all() and np.abs(turns_of(motions)).max() < 8


def test_nothing_repeats_within_minutes(minutes: list[Motion]) -> None:
    for each in (turns_of(minutes)[:, 1], turns_of(minutes)[:, 0], shut(minutes).astype(np.float32)):
        curve = each - each.mean()
        for lag in range(round(3 / STEP), round(120 / STEP), 5):
            a, b = curve[:-lag], curve[lag:]
            assert (a * b).mean() / (a.std() * b.std()) < 0.75, f"repeats after {lag * STEP:.1f} s"


@pytest.mark.parametrize("seed", range(2))
def test_head_and_body_never_jump(seed: int) -> None:
    motions = play(40, seed)
    assert np.abs(np.diff(turns_of(motions), axis=0)).max() < 1.2, "degrees in a frame"
    bodies = np.array([motion.body for motion in motions])
    assert np.abs(np.diff(bodies, axis=0)).max() < 0.004


def test_the_seed_decides() -> None:
    first, again, other = play(6), play(6), play(6, seed=1)
    assert all(np.array_equal(a.face, b.face) for a, b in zip(first, again, strict=True))  # type: ignore[arg-type]
    assert np.abs(turns_of(first) - turns_of(other)).max() > 0.5


def test_it_goes_on_after_hours_that_nobody_saw() -> None:
    idle = IdleMotion()
    before, after = idle.at(NEUTRAL, 5.0), idle.at(NEUTRAL, 1e5)
    assert before.face is not None and after.face is not None and np.isfinite(after.face).all()
    assert shut([idle.at(NEUTRAL, 1e5 + STEP * number) for number in range(500)]).any()


def test_it_needs_a_face() -> None:
    with pytest.raises(ValueError, match="face"):
        IdleMotion().at(Motion(0.0), 0.0)


def idled(seconds: float, habits: IdleHabits) -> list[Motion]:
    idle = IdleMotion(habits=habits)
    return [idle.at(NEUTRAL, STEP * number) for number in range(round(seconds / STEP))]


def blinks(motions: list[Motion]) -> int:
    closed = shut(motions)
    return int((closed[1:] & ~closed[:-1]).sum())


def test_habits_change_how_often_it_blinks_how_far_it_drifts_and_where_it_looks(minutes: list[Motion]) -> None:
    usual = minutes[: round(60 / STEP)]
    nervous = idled(60, IdleHabits(blink_rate=2.5, drift=2, wander=2))
    still = idled(60, IdleHabits(blink_rate=LEAST, drift=0.2, wander=LEAST))
    assert blinks(nervous) > 1.6 * blinks(usual) and blinks(still) <= 2
    spread = [np.ptp(turns_of(motions)[:, 2]) for motions in (still, usual, nervous)]
    assert spread[0] < 0.4 * spread[1] and spread[1] < 0.7 * spread[2]
    aside = [np.abs(gaze_of(motions)[:, 0]).mean() for motions in (still, usual, nervous)]
    assert aside[0] < aside[1] < aside[2]


def test_habits_that_change_ease_and_the_next_blink_is_drawn_anew() -> None:
    idle = IdleMotion(habits=IdleHabits(blink_rate=LEAST, drift=0.2))
    motions = []
    for number in range(round(40 / STEP)):
        if number == round(5 / STEP):
            idle.habits = IdleHabits(drift=3, pace=2)
        motions.append(idle.at(NEUTRAL, STEP * number))
    assert np.abs(np.diff(turns_of(motions), axis=0)).max() < 2, "degrees in a frame"
    assert blinks(motions) > 4
