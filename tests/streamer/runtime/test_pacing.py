"""Pacing on a fixed grid of ticks."""

from __future__ import annotations

import random

import pytest

from streamer.runtime import pacing


def test_pacing_with_exact_waits_stays_on_the_grid() -> None:
    now, pace = 1000.0, pacing.begin(1000.0, 30)
    for number in range(100_000):
        now += pacing.wait(pace, now)
        assert now == pytest.approx(1000.0 + number / 30, abs=1e-6)
        pace = pacing.advance(pace, now)


def test_late_wake_ups_do_not_accumulate() -> None:
    generator = random.Random(1)
    now, pace = 0.0, pacing.begin(0.0, 25)
    for _ in range(10_000):
        now = max(now, now + pacing.wait(pace, now)) + generator.uniform(0, 0.03)
        pace = pacing.advance(pace, now)
    assert pace.tick == 10_000
    assert pace.due == pytest.approx(10_000 / 25)


def test_late_frame_is_due_at_once_and_skips_the_missed_ticks() -> None:
    before = pacing.begin(0.0, 10)
    assert pacing.wait(before, 0.57) == 0
    after = pacing.advance(before, 0.57)
    assert after.due == pytest.approx(0.6)
    assert pacing.skipped(before, after) == 5


def test_slow_stage_lowers_the_rate_without_a_burst() -> None:
    now, pace, drawn = 0.0, pacing.begin(0.0, 30), 0
    while now < 10:
        now += pacing.wait(pace, now)
        pace = pacing.advance(pace, now)
        now += 0.05
        drawn += 1
    assert 190 <= drawn <= 200
    assert pacing.wait(pace, now) <= 1 / 30


def test_early_frame_uses_its_tick_only_once() -> None:
    pace = pacing.advance(pacing.begin(0.0, 10, early=0.25), 0.0)
    assert pacing.wait(pace, 0.0751) == 0
    assert pacing.wait(pace, 0.05) == pytest.approx(0.025)
    pace = pacing.advance(pace, 0.08)
    assert pace.due == pytest.approx(0.2)


def test_stopped_clock_never_repeats_a_tick() -> None:
    pace = pacing.begin(5.0, 10)
    assert [pace := pacing.advance(pace, 5.0) for _ in range(3)][-1].tick == 3


@pytest.mark.parametrize("fps", [0, -1])
def test_begin_refuses_a_rate_that_is_not_positive(fps: float) -> None:
    with pytest.raises(ValueError, match=f"fps is {fps}; it must be positive"):
        pacing.begin(0.0, fps)
