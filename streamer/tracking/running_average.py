"""Exponential running averages of what one person's frames show."""

from __future__ import annotations

import math
from typing import Generic, TypeVar

from streamer.tracking.motion import Array

RESET_GAP_S = 1.0  # without a sample, after which the average starts again

Value = TypeVar("Value", float, Array)


class RunningAverage(Generic[Value]):
    """First-order low pass over irregular samples. time_constant: seconds in which a step is followed to 63 %."""

    def __init__(self, time_constant: float) -> None:
        self._time_constant = time_constant
        self._last: tuple[float, Value] | None = None  # time and average

    def update(self, sample: Value, captured: float) -> Value:
        """Add a sample taken at `captured` seconds and return the average. The first one is returned unchanged."""
        average, elapsed = sample, 0.0
        if self._last is not None and 0 <= captured - self._last[0] <= RESET_GAP_S:
            average, elapsed = self._last[1], captured - self._last[0]
        average = average - math.expm1(-elapsed / self._time_constant) * (sample - average)
        self._last = captured, average
        return average
