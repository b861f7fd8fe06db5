"""Token buckets: how often something may happen, at once and in the long run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Rate(NamedTuple):
    """`burst` events at once, and `per_s` a second in the long run."""

    burst: float
    per_s: float


class TokenBucket:
    """A token bucket of one rate. clock: seconds."""

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._tokens = rate.burst
        self._filled_at = clock()

    def wait_s(self) -> float:
        """Seconds until the next event may happen; 0 if it may happen now."""
        now = self._clock()
        self._tokens = min(self._rate.burst, self._tokens + (now - self._filled_at) * self._rate.per_s)
        self._filled_at = now
        return max(0.0, (1 - self._tokens) / self._rate.per_s)

    def take(self, count: int = 1) -> None:
        """Count one event, or one that is worth several.

        The number of tokens may become negative: an event that waits has its token already.
        """
        self._tokens -= count
