"""Quantiles of what one person usually does: a histogram that slowly forgets."""

from __future__ import annotations

import math

import numpy as np

BINS = 96


class RunningQuantiles:
    """Quantiles of samples between `low` and `high`, weighted by the time for which each held.

    memory: seconds in which a sample's weight falls to 37 %.
    """

    def __init__(self, low: float, high: float, memory: float) -> None:
        self._low, self._width, self._memory = low, (high - low) / BINS, memory
        self._mass = np.zeros(BINS)  # seconds

    @property
    def seconds(self) -> float:
        """The remembered time."""
        return float(self._mass.sum())

    def update(self, sample: float, seconds: float) -> None:
        """Add a sample that held for `seconds`, shared between the two bins around it; limited to the range."""
        self._mass *= math.exp(-seconds / self._memory)
        at = min(max((sample - self._low) / self._width - 0.5, 0.0), BINS - 1.0)
        first = min(int(at), BINS - 2)
        self._mass[first] += seconds * (first + 1 - at)
        self._mass[first + 1] += seconds * (at - first)

    def quantile(self, share: float) -> float:
        """The value below which `share` 0..1 of the remembered time lies. Raises ValueError without samples."""
        total = self._mass.sum()
        if total <= 0:
            raise ValueError("quantiles need samples")
        summed = np.concatenate([[0.0], np.cumsum(self._mass)])
        return float(np.interp(share * total, summed, self._low + self._width * np.arange(BINS + 1)))
