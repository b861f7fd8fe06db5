"""A mood eases in, its episodes come by chance and never regularly, and the same seed plays the same."""

from __future__ import annotations

import numpy as np
import pytest

from models.geometry.expressions import INDEX
from streamer.sources.expression import Array
from streamer.sources.mood import NO_MOOD, Mood
from streamer.sources.mood_player import EASE_S, MoodPlayer
from streamer.sources.mood_reading import read_mood
from streamer.sources.source import Moment
from streamer.sources.wanted_motion import WantedMotion

STEP = 0.04


def play(text: str, seconds: float, seed: int = 0, is_seen: bool = True, shape: str = "eyeLookDown_L") -> Array:
    """(T,) the weight of a shape over time."""
    player, mood = MoodPlayer(seed), read_mood(text).mood
    return np.array([weight(player, mood, STEP * number, is_seen, shape) for number in range(round(seconds / STEP))])


def weight(player: MoodPlayer, mood: Mood, now: float, is_seen: bool = True, shape: str = "eyeLookDown_L") -> float:
    return float(player.at(Moment(now, is_seen, WantedMotion(mood=mood))).weights[INDEX[shape]])


def begins(values: Array) -> Array:
    """Seconds at which something begins."""
    on = values > 0.05
    return np.flatnonzero(on[1:] & ~on[:-1]) * STEP


def test_no_mood_changes_nothing() -> None:
    assert MoodPlayer().at(Moment(0.0)).is_rest


def test_a_mood_is_there_from_the_first_frame_and_another_one_eases_in() -> None:
    player, happy, sad = MoodPlayer(), read_mood("happy").mood, read_mood("sad").mood
    smile = [weight(player, happy, STEP * number, shape="mouthSmile_L") for number in range(5)]
    assert np.ptp(smile) == 0 and smile[0] > 0.3
    change = [weight(player, sad, 0.2 + STEP * number, shape="mouthSmile_L") for number in range(40)]
    assert change[0] == pytest.approx(smile[0], abs=0.02) and change[-1] == 0
    assert np.abs(np.diff(change)).max() < 0.05
    assert change[round(0.4 * EASE_S / STEP)] > 0.1
    ended = [weight(player, NO_MOOD, 2 + STEP * number, shape="mouthFrown_L") for number in range(40)]
    assert ended[0] > 0.4 and ended[-1] == 0
    assert player.at(Moment(9.0)).is_rest


def test_moods_that_change_with_every_frame_stay_bounded() -> None:
    player = MoodPlayer()
    for number in range(200):
        shown = player.at(Moment(STEP * number, wanted=WantedMotion(mood=read_mood("extremely happy").mood)))
        assert shown.weights.max() <= 1.25


def test_episodes_come_as_often_as_said_and_at_no_regular_intervals() -> None:
    times = begins(play("looks down sometimes", 400))
    gaps = np.diff(times)
    assert 30 < len(times) < 60 and gaps.std() / gaps.mean() > 0.25
    assert len(begins(play("looks down rarely", 400))) < 0.6 * len(times) < len(begins(play("looks down often", 400)))


def test_episodes_ease_and_the_seed_decides_their_times() -> None:
    first, again, other = (play("looks down sometimes", 60, seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(begins(first), begins(other))
    assert 0.05 < np.abs(np.diff(first)).max() < 0.35 and first.max() > 0.5


def test_two_habits_keep_times_of_their_own() -> None:
    down = begins(play("looks down sometimes, nods sometimes", 60))
    assert np.array_equal(down, begins(play("looks down sometimes", 60)))


def test_gestures_of_a_mood_turn_the_head_and_end() -> None:
    player, mood = MoodPlayer(), read_mood("nods often").mood
    turns = np.array([player.at(Moment(STEP * n, wanted=WantedMotion(mood=mood))).turn[0] for n in range(1500)])
    assert np.abs(turns).max() > 0.1 and (turns == 0).mean() > 0.5


def test_blinks_are_added_only_to_a_driver_who_is_seen() -> None:
    assert len(begins(play("blinks a lot", 60, shape="eyeBlink_L"))) > 10
    assert play("blinks a lot", 60, is_seen=False, shape="eyeBlink_L").max() == 0


def test_a_picture_that_misses_the_driver_ends_no_blink() -> None:
    whole = play("blinks a lot", 30, shape="eyeBlink_L")
    player, mood, shown = MoodPlayer(), read_mood("blinks a lot").mood, [0.0]
    for number in range(len(whole)):
        shown.append(weight(player, mood, STEP * number, shown[-1] == 0, "eyeBlink_L"))
    assert np.array_equal(shown[1:], whole) and whole.max() > 0.5


def test_a_clock_that_jumps_leaves_it_going_on() -> None:
    player, mood = MoodPlayer(), read_mood("looks down often").mood
    times = [*np.arange(0, 20, STEP), *np.arange(1e5, 1e5 + 40, STEP), *np.arange(3, 43, STEP)]
    values = np.array([weight(player, mood, float(now)) for now in times])
    assert len(begins(values[500:1500])) > 3 and len(begins(values[1500:])) > 2
