"""A value that is expensive to compute and read often."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class CachedValue(Generic[Value]):
    """The result of `compute`, computed again when it is read more than `period` seconds later. clock: seconds."""

    def __init__(
        self, compute: Callable[[], Value], period: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._compute, self._period, self._clock = compute, period, clock
        self._cached: tuple[float, Value] | None = None

    def __call__(self) -> Value:
        now = self._clock()
        if self.is_stale or self._cached is None:
            self._cached = (now, self._compute())
        return self._cached[1]

    @property
    def is_stale(self) -> bool:
        """True if the next call computes the value."""
        return self._cached is None or self._clock() - self._cached[0] > self._period
