"""Laps by name on the CPU and on CUDA."""

import pytest
import torch

from streamer.runtime.stopwatch import Stopwatch
from tests.support.devices import CUDA


@pytest.mark.parametrize("name", ["cpu", CUDA])
def test_stopwatch_reads_laps_by_name_in_order(name: str) -> None:
    device = torch.device(name)
    clock = Stopwatch(device)
    torch.ones(8, device=device).sum()
    clock.lap("first")
    clock.lap("second")
    laps = clock.read()
    assert list(laps) == ["first", "second"]
    assert all(milliseconds >= 0 for milliseconds in laps.values())


def test_stopwatch_counts_by_the_given_clock() -> None:
    times = iter([1.0, 1.25, 1.5])
    watch = Stopwatch(torch.device("cpu"), lambda: next(times))
    watch.lap("first")
    watch.lap("second")
    assert watch.read() == {"first": 250.0, "second": 250.0}
