"""Who is let in, by draws made by hand."""

from __future__ import annotations

import pytest

from streamer.engine.admission import ENOUGH, RECENT, Admission, tick_time
from streamer.errors import OverloadError, ServerFullError


def draws(**seconds: float) -> list[tuple[int, float]]:
    """`n2=0.05`: enough draws of two sessions that took 50 ms."""
    return [(int(size[1:]), each) for size, each in seconds.items() for _ in range(ENOUGH)]


@pytest.mark.parametrize(
    ("known", "batch", "expected"),
    [
        (draws(), 2, None),  # nothing is known
        (draws(n4=0.1), 2, None),  # more were drawn, never so few: they left
        (draws(n1=0.04), 2, 0.08),  # one size: in proportion
        (draws(n3=0.06), 4, 0.08),
        (draws(n1=0.04, n2=0.08), 3, 0.12),  # a CPU
        (draws(n1=0.010, n2=0.012), 3, 0.014),  # a GPU shares its fixed cost
        (draws(n1=0.010, n2=0.012), 6, 0.020),
        (draws(n1=0.02, n2=0.02), 3, 0.02),  # a batch that costs nothing more
        (draws(n1=0.03, n2=0.02), 3, 0.02),  # noise: more never takes less than the largest known
        (draws(n1=0.01, n2=0.05), 3, 0.075),  # noise: nor more than in proportion
        (draws(n1=0.04, n2=0.07), 2, 0.07),  # the very size was drawn not long ago
        (draws(n1=0.01, n2=0.02, n4=0.05), 5, 0.0625),  # the two largest decide
    ],
)
def test_the_tick_of_one_more(known: list[tuple[int, float]], batch: int, expected: float | None) -> None:
    assert tick_time(known, batch) == (expected if expected is None else pytest.approx(expected))


def test_a_few_draws_say_nothing() -> None:
    assert tick_time([(1, 0.04)] * (ENOUGH - 1), 2) is None
    assert tick_time([*draws(n1=0.04), *[(2, 9.0)] * (ENOUGH - 1)], 3) == pytest.approx(0.12)


def test_long_and_short_ticks_in_turn_count_with_their_mean() -> None:
    assert tick_time([(1, 0.1), (1, 0.04)] * 8, 2) == pytest.approx(0.14)


def admission(batch: int, seconds: float, min_fps: float = 12.0) -> Admission:
    made = Admission(max_sessions=4, min_fps=min_fps)
    for _ in range(ENOUGH):
        made.note(batch, seconds)
    return made


def test_one_more_is_refused_who_would_slow_everybody_too_much() -> None:
    slow = admission(2, 0.06)
    with pytest.raises(OverloadError) as caught:
        slow.check(live=2)
    assert caught.value.code == "full" and str(caught.value) == (
        "The server is full: with one person more everybody would get about 11.1 frames a second, and it keeps to 12; "
        "try again later or start it with a smaller --min-fps."
    )
    assert slow.refused == 1
    for _ in range(RECENT):  # it has become faster: what was long ago is forgotten
        slow.note(2, 0.03)
    slow.check(live=2)
    assert slow.refused == 1


def test_the_first_is_let_in_however_slow_the_machine() -> None:
    admission(1, 9.0).check(live=0)


def test_those_whose_cameras_are_silent_keep_nobody_out() -> None:
    """A page that lost its network comes back before the server has noticed that it had gone."""
    slow = admission(1, 0.08)
    slow.check(live=1, stalled=1)
    with pytest.raises(OverloadError):
        slow.check(live=2, stalled=1)


def test_where_nothing_was_measured_nothing_speaks_against_one_more() -> None:
    Admission(max_sessions=4, min_fps=12).check(live=1)


def test_no_rate_to_keep_lets_anybody_in_as_long_as_there_are_places() -> None:
    slow = admission(3, 9.0, min_fps=0)
    slow.check(live=3)
    with pytest.raises(ServerFullError):
        slow.check(live=4)
    assert slow.refused == 1
