"""Admission control, from draws made by hand."""

from __future__ import annotations

import pytest

from streamer.engine.admission import MIN_DRAWS_PER_SIZE, RECENT_DRAWS, Admission, estimate_tick_time
from streamer.errors import OverloadError, ServerFullError


def draws(**seconds: float) -> list[tuple[int, float]]:
    """`n2=0.05`: enough draws of two sessions that took 50 ms each."""
    return [(int(size[1:]), each) for size, each in seconds.items() for _ in range(MIN_DRAWS_PER_SIZE)]


@pytest.mark.parametrize(
    ("known", "batch", "expected"),
    [
        (draws(), 2, None),  # nothing was measured
        (draws(n4=0.1), 2, None),  # only larger batches were measured
        (draws(n1=0.04), 2, 0.08),  # one size: in proportion
        (draws(n3=0.06), 4, 0.08),
        (draws(n1=0.04, n2=0.08), 3, 0.12),  # a CPU
        (draws(n1=0.010, n2=0.012), 3, 0.014),  # a GPU shares its fixed cost
        (draws(n1=0.010, n2=0.012), 6, 0.020),
        (draws(n1=0.02, n2=0.02), 3, 0.02),  # a larger batch at no extra cost
        (draws(n1=0.03, n2=0.02), 3, 0.02),  # noise: never less than the largest measured size
        (draws(n1=0.01, n2=0.05), 3, 0.075),  # noise: never more than in proportion
        (draws(n1=0.04, n2=0.07), 2, 0.07),  # this very size was measured
        (draws(n1=0.01, n2=0.02, n4=0.05), 5, 0.0625),  # the two largest decide
    ],
)
def test_estimate_tick_time_extrapolates_from_measured_batch_sizes(
    known: list[tuple[int, float]], batch: int, expected: float | None
) -> None:
    assert estimate_tick_time(known, batch) == (expected if expected is None else pytest.approx(expected))


def test_estimate_tick_time_ignores_sizes_with_too_few_draws() -> None:
    assert estimate_tick_time([(1, 0.04)] * (MIN_DRAWS_PER_SIZE - 1), 2) is None
    assert estimate_tick_time([*draws(n1=0.04), *[(2, 9.0)] * (MIN_DRAWS_PER_SIZE - 1)], 3) == pytest.approx(0.12)


def test_estimate_tick_time_uses_the_mean_of_uneven_ticks() -> None:
    assert estimate_tick_time([(1, 0.1), (1, 0.04)] * 8, 2) == pytest.approx(0.14)


def admission(batch: int, seconds: float, min_fps: float = 12.0) -> Admission:
    made = Admission(max_sessions=4, min_fps=min_fps)
    for _ in range(MIN_DRAWS_PER_SIZE):
        made.record(batch, seconds)
    return made


def test_admission_refuses_a_session_that_would_push_all_below_min_fps() -> None:
    slow = admission(2, 0.06)
    with pytest.raises(OverloadError) as caught:
        slow.check(live=2)
    assert caught.value.code == "full" and str(caught.value) == (
        "The server is full: with one person more everybody would get about 11.1 frames a second, and it keeps to 12; "
        "try again later or start it with a smaller --min-fps."
    )
    assert slow.refused == 1
    for _ in range(RECENT_DRAWS):  # faster draws push the slow ones out of the window
        slow.record(2, 0.03)
    slow.check(live=2)
    assert slow.refused == 1


def test_admission_counts_on_what_the_governor_can_give_up() -> None:
    slow = admission(2, 0.06)
    slow.check(live=2, least_cost=0.9)  # 12.3 frames a second with the least effort
    with pytest.raises(OverloadError, match=r"about 11\.7 frames"):
        slow.check(live=2, least_cost=0.95)


def test_admission_always_allows_the_first_session() -> None:
    admission(1, 9.0).check(live=0)


def test_admission_ignores_load_while_all_live_sessions_are_stalled() -> None:
    """A page that lost its network reconnects before the server has ended its old session."""
    slow = admission(1, 0.08)
    slow.check(live=1, stalled=1)
    with pytest.raises(OverloadError):
        slow.check(live=2, stalled=1)


def test_admission_allows_a_session_before_anything_was_measured() -> None:
    Admission(max_sessions=4, min_fps=12).check(live=1)


def test_admission_without_min_fps_checks_only_the_session_limit() -> None:
    slow = admission(3, 9.0, min_fps=0)
    slow.check(live=3)
    with pytest.raises(ServerFullError):
        slow.check(live=4)
    assert slow.refused == 1


def test_admission_counts_every_character_of_a_picture() -> None:
    admission = Admission(max_sessions=4, min_fps=0)
    admission.check(live=2, more=2)
    with pytest.raises(ServerFullError):
        admission.check(live=2, more=3)
    Admission(max_sessions=1, min_fps=0).check(live=0, more=3)  # alone, whatever the picture


@pytest.mark.parametrize(
    ("known", "live", "expected"),
    [
        (draws(), 0, 9),  # nothing was measured: the limit
        (draws(n1=0.04), 1, 9),  # one size tells of one more alone, which admission takes
        (draws(n1=0.05), 1, 1),
        (draws(n1=0.10), 1, 1),  # a session alone is always admitted
        (draws(n1=0.03, n2=0.06), 2, 2),  # a CPU
        (draws(n1=0.020, n2=0.022), 2, 9),  # a GPU has room up to the limit
        (draws(n2=0.05, n4=0.07), 4, 5),  # 80 ms for five, 90 for six
        (draws(n3=0.05, n4=0.09), 4, 3),  # those that are live get too few frames
        (draws(n7=0.2, n8=0.2), 8, 6),  # a flat line tells nothing: a quarter at a time
        (draws(n3=0.081, n4=0.082), 4, 5),  # one more would be in time, and a line tells of no more
    ],
)
def test_capacity_is_what_recent_draws_leave_room_for(known: list[tuple[int, float]], live: int, expected: int) -> None:
    made = Admission(max_sessions=9, min_fps=12.0)
    for size, seconds in known:
        made.record(size, seconds)
    assert made.capacity(live) == expected
    assert Admission(max_sessions=9, min_fps=0.0).capacity(live) == 9


def test_capacity_agrees_with_check_on_one_more() -> None:
    made = Admission(max_sessions=9, min_fps=12.0)
    for size, seconds in draws(n2=0.060, n3=0.070):
        made.record(size, seconds)
    assert made.capacity(3) == 4
    made.check(live=3)
    assert made.capacity(4, least_cost=0.5) > made.capacity(4)
