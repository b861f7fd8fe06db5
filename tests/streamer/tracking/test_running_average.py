"""Running averages follow their samples in the given time and start again after a gap."""

import numpy as np
import pytest

from streamer.tracking.running_average import RESET_GAP_S, RunningAverage


@pytest.mark.parametrize("step", [0.02, 0.1, 0.5])
def test_running_average_follows_a_step_by_its_time_constant_at_any_rate(step):
    average = RunningAverage[float](2.0)
    assert average.update(0.0, 0.0) == 0.0
    values = [average.update(1.0, step * (i + 1)) for i in range(round(2.0 / step))]
    assert values[-1] == pytest.approx(1 - np.exp(-1), abs=1e-6)


def test_running_average_starts_again_after_a_gap_or_when_time_runs_backwards():
    for captured in (RESET_GAP_S + 0.1, -0.1):
        average = RunningAverage[float](2.0)
        average.update(0.0, 0.0)
        assert average.update(5.0, captured) == 5.0
