"""When the engine will draw next, foreseen from its last frames, so that sessions track towards that moment.

A motion that is tracked earlier grows old while it waits, or is replaced by a newer one and was tracked for nothing;
one that is tracked later lets the engine wait.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

RECENT = 9  # durations that a forecast is made from: a third of a second at full speed
# Of the times from the begin of a frame to its motion: one that comes late costs the engine more than an old one.
LEAD_QUANTILE = 0.75
QUICK_DRAW_S = 0.022  # little more than such a step: an opening waits less than for the next of 25 frames a second
TURN_TIMEOUT_S = 1.0  # for which tracking waits for an engine that draws nothing, before it goes on without it


class RecentDurations:
    """The last few durations of something that is done again and again, in seconds. For one thread."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=RECENT)

    def add(self, seconds: float) -> None:
        self._seconds.append(seconds)

    def quantile(self, share: float) -> float:
        """The duration that this share of the last ones did not exceed; 0 before the first one."""
        return float(np.quantile(self._seconds, share)) if self._seconds else 0.0


class DrawSchedule:
    """Shared by the engine's thread, which tells when it draws, and the tracking threads, which wait for their turn.

    clock: seconds, injectable for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()  # guards everything below; its lock is reentrant
        self._draws = RecentDurations()
        self._began: float | None = None  # when the present draw began; None between two
        self._not_before = 0.0  # when the pace allows the next draw

    @contextmanager
    def drawing(self, not_before: float) -> Iterator[None]:
        """The engine draws in this block, from motions that it has taken. not_before: when the next draw may begin."""
        with self._changed:
            self._began, self._not_before = self._clock(), not_before
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._draws.add(self._clock() - self._began)
                self._began = None
                self._changed.notify_all()

    @property
    def is_quick(self) -> bool:
        """Whether the last frames took so little time that the engine can draw one for each step of a voice."""
        with self._changed:
            return self._draws.quantile(0.5) <= QUICK_DRAW_S

    def next_draw(self) -> float:
        """When the engine can draw the next motion, seconds on the clock; in the past if it could have done so."""
        with self._changed:  # which the thread that waits for its turn holds already
            if self._began is None:
                return self._not_before
            return max(self._not_before, self._began + self._draws.quantile(0.5))

    def wait_for_turn(self, is_wanted: Callable[[], bool], lead_s: float) -> None:
        """Block until `is_wanted` and the next draw is `lead_s` seconds away, TURN_TIMEOUT_S at most.

        is_wanted: whether the engine has taken the last motion; asked again whenever a draw begins or ends, and after
        `wake`.
        """
        with self._changed:
            deadline = self._clock() + TURN_TIMEOUT_S
            while (now := self._clock()) < deadline:
                until = min(self.next_draw() - lead_s, deadline) if is_wanted() else deadline
                if until <= now:
                    return
                self._changed.wait(until - now)

    def wake(self) -> None:
        """Let those that wait look again."""
        with self._changed:
            self._changed.notify_all()
