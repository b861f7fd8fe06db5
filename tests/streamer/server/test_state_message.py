"""The sentences of tracking that a driver can do something about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from streamer.engine.engine_session import TrackingState
from streamer.options import Obstacle
from streamer.server.state_message import state_message


def message(characters: int = 1, **fields: Any) -> str | None:
    return state_message(replace(TrackingState("live", 1.0, people=1), **fields), characters).message


@pytest.mark.parametrize("obstacle", get_args(Obstacle))
def test_every_obstacle_has_words_while_calibrating_and_none_while_live(obstacle: Obstacle) -> None:
    words = message(phase="calibrating", obstacle=obstacle)
    assert words is not None and words.endswith(".") and ": " in words
    assert message(obstacle=obstacle) is None


def test_dark_is_told_where_no_face_is_found() -> None:
    assert message(phase="lost") == "No face is in view: come back in front of the camera."
    assert message(phase="lost", obstacle="dark") == "It is too dark: turn on a light in front of you."
    assert message(phase="lost", obstacle="smiles") == message(phase="lost")


def test_more_people_than_characters_are_told_while_calibrating() -> None:
    assert message(phase="calibrating", people=2) == "Several people are seen: choose under Camera who is followed."
    assert message(phase="calibrating", people=2, obstacle="moves") == "You move: hold still for a moment."
    assert message(2, phase="calibrating", people=2) is None
    assert message(phase="calibrating") is None


def test_silent_tracker_is_told_in_every_phase() -> None:
    assert "does not answer" in str(message(phase="calibrating", obstacle="moves", responding=False))


def test_a_voice_that_is_heard_is_told() -> None:
    assert [state_message(TrackingState(), 1, speaks).speaks for speaks in (False, True)] == [False, True]
    assert [state_message(TrackingState(), 1, recorded=each).recorded for each in (False, True)] == [False, True]
