"""Drift, return and flicker of clips whose figures are known."""

import numpy as np
import pytest

from benchmarks.evaluation.stability import drift, flicker, loop_return


def grey(*levels):
    return [np.full((64, 64, 3), level, np.uint8) for level in levels]


def test_drift_of_a_decay_is_negative():
    truth = grey(100, 120, 140)
    worse, better = grey(104, 124, 144), grey(102, 118, 142)
    got = drift(truth, better, worse)
    assert got["first_db"] == pytest.approx(10 * np.log10(255**2 / 4))
    assert got["drift_db"] == pytest.approx(-20 * np.log10(2))
    assert drift(truth, worse, worse)["drift_db"] == 0


def test_loop_return_is_the_difference_of_the_last_frame_to_the_first():
    assert loop_return(grey(50, 60, 80, 53)) == {"return_l1": 3.0, "farthest_l1": 30.0}
    assert loop_return(grey(50, 60, 50))["return_l1"] == 0


def test_flicker_is_the_mean_change_from_frame_to_frame():
    assert flicker(grey(9, 200, 50, 52, 50, 52), settle=2) == 2
    assert flicker(grey(*[50] * 8)) == 0
