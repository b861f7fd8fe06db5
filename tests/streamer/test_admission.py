"""What a tick with one more session takes, from ticks made by hand."""

from __future__ import annotations

import pytest

from streamer.admission import ENOUGH, tick_time


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
