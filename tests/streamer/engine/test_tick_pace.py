"""The engine keeps its rate; a voice alone may have some frames at once that it saved before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from streamer.engine.tick_pace import SAVED_FRAMES, TickPace

FPS = 30.0


@dataclass
class Session:
    speaks_unseen: bool = True


def begun(sessions: Sequence[Session], wanted: Sequence[float]) -> list[float]:
    """When frames begin that are wanted at these times; a later one replaces one that still waits."""
    pace, began = TickPace(0.0, FPS), []
    for at, following in zip(wanted, [*wanted[1:], float("inf")], strict=True):
        begin = at + pace.wait(at)
        if begin < following:
            pace.advance(begin)
            began.append(begin)
        pace.follow(sessions)
    return began


def steps(seconds: float, fps: float, since: float = 0.0) -> list[float]:
    return [since + number / fps for number in range(round(seconds * fps))]


@pytest.mark.parametrize("sessions", [[], [Session()], [Session(False)], [Session(), Session()]])
def test_the_mean_rate_is_never_higher_than_wanted(sessions: Sequence[Session]) -> None:
    assert len(begun(sessions, steps(10, 50))) == pytest.approx(10 * FPS, abs=SAVED_FRAMES + 1)


def test_a_voice_alone_has_frames_at_once_that_it_saved() -> None:
    wanted = [*steps(2, 25), *steps(0.2, 50, since=2.0)]
    burst = [at for at in begun([Session()], wanted) if at >= 2]
    assert burst[: int(SAVED_FRAMES)] == pytest.approx(wanted[50 : 50 + int(SAVED_FRAMES)])
    beside = [at for at in begun([Session(), Session()], wanted) if at >= 2]
    assert np.max(np.array(beside[:4]) - wanted[50:54]) > 0.005


def test_nothing_is_saved_before_the_voice_speaks_alone() -> None:
    pace, session, now = TickPace(0.0, FPS), Session(False), 0.0
    for _ in range(100):
        now += 0.2
        pace.advance(now)
        pace.follow([session])
    session.speaks_unseen = True
    pace.follow([session])
    assert pace.wait(now) == pytest.approx(1 / FPS)
