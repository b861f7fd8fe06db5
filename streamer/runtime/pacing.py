"""When the next frame is due, as a pure function of (state, now).

Frames are due on a grid that is fixed once, so errors never add up. A frame that comes late is drawn at once and the
grid points that went by meanwhile are skipped: a slow stage lowers the rate, it never builds up a debt. A frame that
is there a little early may be used early, but no tick is used twice, so the mean rate is exactly the grid's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Pace:
    """origin: seconds, time of tick 0. period: seconds between ticks. tick: number of the next one.
    early: share of a period by which a tick may be used before its time, 0..1.
    """

    origin: float
    period: float
    tick: int = 0
    early: float = 0.0

    @property
    def due(self) -> float:
        """Time of the next tick, seconds on the clock of `origin`."""
        return self.origin + self.tick * self.period


def begin(now: float, fps: float, early: float = 0.0) -> Pace:
    """A grid of `fps` ticks a second whose first tick is now."""
    if fps <= 0:
        raise ValueError(f"fps is {fps}; it must be positive")
    return Pace(origin=now, period=1.0 / fps, early=early)


def wait(pace: Pace, now: float) -> float:
    """Seconds until the next tick may be used; 0 when it may."""
    return max(0.0, pace.due - pace.early * pace.period - now)


def advance(pace: Pace, now: float) -> Pace:
    """The pace after the due tick was used at `now`: its next tick is the first that cannot be used yet."""
    reached = math.floor((now - pace.origin) / pace.period + pace.early + 1e-9)
    return replace(pace, tick=max(pace.tick, reached) + 1)


def skipped(before: Pace, after: Pace) -> int:
    """How many ticks went by unused between two states."""
    return max(0, after.tick - before.tick - 1)
