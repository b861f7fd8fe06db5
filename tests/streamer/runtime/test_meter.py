"""Rates and percentiles, on a fake clock."""

from __future__ import annotations

import pytest

from streamer.runtime.meter import DRAWN, MAX_SAMPLES, TOTAL, WINDOW_S, Meter, percentiles, pooled, spread


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_stages_are_percentiles_by_stage_name() -> None:
    meter = Meter(Clock())
    for value in range(101):
        meter.add({"draw": float(value), "track": 5.0})
    assert meter.stages() == {
        "draw": {"p50": 50.0, "p95": 95.0, "p99": 99.0}, "track": {"p50": 5.0, "p95": 5.0, "p99": 5.0},
    }  # fmt: skip
    assert list(meter.stages()) == ["draw", "track"]
    assert meter.percentiles("draw") == meter.stages()["draw"]
    assert meter.percentiles("paint") == percentiles([]) == {"p50": 0.0, "p95": 0.0, "p99": 0.0}


def test_meter_drops_samples_older_than_the_window_and_beyond_the_maximum() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.add({"draw": 1.0, "face": 7.0})
    clock.now += WINDOW_S / 2
    meter.add({"draw": 3.0})
    assert meter.percentiles("draw")["p50"] == 2.0
    clock.now += WINDOW_S / 2 + 0.1
    assert meter.percentiles("draw")["p50"] == 3.0
    assert list(meter.stages()) == ["draw"]  # a stage without recent samples is left out
    for _ in range(3 * MAX_SAMPLES):
        meter.add({"draw": 4.0})
    assert len(meter.samples()["draw"]) == MAX_SAMPLES


def test_rate_counts_events_per_second() -> None:
    clock = Clock()
    meter = Meter(clock)
    assert meter.rate("out") == 0
    for _ in range(31):
        meter.tick("out")
        clock.now += 0.1
    assert meter.rate("out") == pytest.approx(9.7, abs=0.5)
    clock.now += 10
    assert meter.rate("out") == 0


def test_spread_and_pooled_combine_the_meters_of_sessions() -> None:
    clock = Clock()
    slow, fast = Meter(clock), Meter(clock)
    for tick in range(30):
        for meter, every, milliseconds in ((slow, 3, 90.0), (fast, 1, 30.0)):
            if tick % every == 0:
                meter.tick(DRAWN)
                meter.add({TOTAL: milliseconds})
        clock.now += 0.1
    both = spread([slow, fast])
    assert both["latency_ms"] == {"min": 30.0, "max": 90.0}
    assert both["fps"]["max"] / both["fps"]["min"] == pytest.approx(3, rel=0.1)
    assert sorted(pooled([slow, fast])[TOTAL]) == [30.0] * 30 + [90.0] * 10
    assert spread([]) == {"fps": {"min": 0.0, "max": 0.0}, "latency_ms": {"min": 0.0, "max": 0.0}}
