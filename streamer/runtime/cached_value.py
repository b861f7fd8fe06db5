"""A figure that many ask for and that costs something to find out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class CachedValue(Generic[Value]):
    """What `find` returned, found out anew when somebody asks more than `period` seconds later. clock: seconds."""

    def __init__(self, find: Callable[[], Value], period: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._find, self._period, self._clock = find, period, clock
        self._found: tuple[float, Value] | None = None

    def __call__(self) -> Value:
        now = self._clock()
        if self._found is None or now - self._found[0] > self._period:
            self._found = (now, self._find())
        return self._found[1]
