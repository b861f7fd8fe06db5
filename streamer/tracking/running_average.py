"""What is usual for one person, from what was seen of late."""

from __future__ import annotations

import math
from typing import Generic, TypeVar

from streamer.tracking.motion import Array

GONE = 1.0  # s without a face after which it is taken anew

Value = TypeVar("Value", float, Array)


class Usual(Generic[Value]):
    """A value that follows what is seen. adapt: seconds in which it has all but become that."""

    def __init__(self, adapt: float) -> None:
        self._adapt = adapt
        self._kept: tuple[float, Value] | None = None

    def update(self, seen: Value, captured: float) -> Value:
        """The usual value after one more was seen, at `captured` seconds."""
        usual, since = seen, 0.0
        if self._kept is not None and 0 <= captured - self._kept[0] <= GONE:
            usual, since = self._kept[1], captured - self._kept[0]
        usual = usual - math.expm1(-since / self._adapt) * (seen - usual)
        self._kept = captured, usual
        return usual
