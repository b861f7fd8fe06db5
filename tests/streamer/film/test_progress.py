"""The estimate of a film's remaining time, on a clock of the test's own."""

import pytest

from streamer.film.progress import ProgressMeter


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def meter_at(expected=300):
    clock = Clock()
    return clock, ProgressMeter(expected, clock)


def test_estimate_is_unknown_until_a_second_was_measured_and_without_a_length():
    clock, meter = meter_at()
    assert meter.progress().remaining_s is None
    clock.now, meter.tracked = 100.5, 10
    assert meter.progress().remaining_s is None
    clock.now = 102.0
    assert meter.progress().remaining_s == pytest.approx(290 * 0.2)
    clock, meter = meter_at(expected=0)
    clock.now, meter.tracked = 110.0, 50
    assert meter.progress().remaining_s is None


def test_estimate_goes_by_the_slower_of_tracking_and_drawing():
    clock, meter = meter_at()
    clock.now, meter.tracked, meter.drawn = 110.0, 100, 1  # ten a second are tracked
    assert (meter.progress().stage, meter.progress().remaining_s) == ("drawing", None)
    clock.now, meter.tracked, meter.drawn = 112.0, 120, 64  # what was in store is drawn at 32 a second
    assert meter.progress().remaining_s == pytest.approx(180 / 10)
    clock.now, meter.tracked, meter.drawn = 130.0, 300, 100  # five a second are drawn
    assert meter.progress().remaining_s == pytest.approx(200 / 5)
    meter.finishing = True
    assert (meter.progress().stage, meter.progress().remaining_s) == ("finishing", 0.0)


def test_estimate_of_a_file_that_is_longer_than_it_says_is_never_negative():
    clock, meter = meter_at(expected=10)
    clock.now, meter.tracked, meter.drawn = 105.0, 40, 20
    meter.progress()
    clock.now = 110.0
    assert meter.progress().remaining_s == 0.0
