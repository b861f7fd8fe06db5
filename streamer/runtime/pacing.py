"""Pacing: when the next frame is due, as a pure function of (state, now).

Frames are due at the ticks of a fixed grid, so timing errors do not accumulate. A late frame is drawn at once and the
ticks that passed meanwhile are skipped, so a slow stage lowers the rate and never causes a burst. A tick may be used
slightly early, but only once, so the mean rate is exactly that of the grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Pace:
    """The state of a pacer.

    origin: time of tick 0 in seconds. period: seconds between ticks. tick: number of the next tick. early: share of a
    period by which a tick may be used before its time, 0..1.
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
    """A grid of `fps` ticks per second whose first tick is now. Raises ValueError for fps <= 0."""
    if fps <= 0:
        raise ValueError(f"fps is {fps}; it must be positive")
    return Pace(origin=now, period=1.0 / fps, early=early)


def usable_at(pace: Pace) -> float:
    """From when on the next tick may be used, seconds on the clock of `origin`."""
    return pace.due - pace.early * pace.period


def wait(pace: Pace, now: float) -> float:
    """Seconds until the next tick may be used; 0 if it may now."""
    return max(0.0, usable_at(pace) - now)


def advance(pace: Pace, now: float) -> Pace:
    """The state after the due tick was used at `now`: the next tick is the first that cannot be used yet."""
    reached = math.floor((now - pace.origin) / pace.period + pace.early + 1e-9)
    return replace(pace, tick=max(pace.tick, reached) + 1)


def skipped(before: Pace, after: Pace) -> int:
    """Number of ticks that passed unused between two states."""
    return max(0, after.tick - before.tick - 1)
