"""Admission control: may one more session start, given a session limit and the measured time of recent draws."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping

from streamer.errors import KagamiError, OverloadError, ServerFullError

RECENT_DRAWS = 300  # draws that the estimate uses: 10 s at 30 per second
LARGEST_CUT = 0.25  # of the live characters, by which a capacity falls below them at a time: a line may be wrong
MIN_DRAWS_PER_SIZE = 4  # draws of one batch size before their mean is used


class Admission:
    """Admits up to `max_sessions`, and no more of them than leave every session `min_fps` frames per second (0: no
    limit).

    refused: number of sessions refused so far. Not thread-safe: the engine's lock guards it.
    """

    def __init__(self, max_sessions: int, min_fps: float) -> None:
        self.max_sessions = max_sessions
        self.min_fps = min_fps
        self.refused = 0
        self._draws: deque[tuple[int, float]] = deque(maxlen=RECENT_DRAWS)

    def record(self, batch: int, seconds: float) -> None:
        """Record that a batch of `batch` sessions was drawn in `seconds`."""
        self._draws.append((batch, seconds))

    def check(self, live: int, stalled: int = 0, ending: int = 0, more: int = 1, least_cost: float = 1.0) -> None:
        """Return if one more session may start beside `live` ones, else raise ServerFullError or OverloadError.

        All numbers count characters: a session with a picture of several counts as so many. more: of the new one.

        stalled: how many of the live sessions have a camera that stopped sending, for example after a lost network. If
        all of them are stalled, only the session limit is checked. ending: how many sessions that left still have a
        tracker, which count for the session limit. least_cost: time of a frame with the least effort of the governor,
        as a share of the time of recent frames.
        """
        problem = self._problem(live + more, live > stalled, ending, more, least_cost)
        if problem is not None:
            self.refused += 1
            raise problem

    def capacity(self, live: int, least_cost: float = 1.0) -> int:
        """Most characters that could be live at once, at least 1: those `live` now, where their frames are in time, and
        one more, where `check` would admit it; beyond that by a line through the recent draws, and the limit while one
        size alone was drawn: a guess too large is put right by the next draws, one too small would keep everybody away.

        live: characters that are live now. least_cost: as for `check`.
        """
        known = _mean_times(self._draws) if self.min_fps > 0 else {}
        if not known:
            return self.max_sessions
        budget = 1 / (self.min_fps * least_cost)
        line = _line_through(known)
        now, more = known.get(live, line(live)), _estimate(known, live + 1)
        if now > budget:
            least = math.ceil(live * (1 - LARGEST_CUT))
            fitting = next((count for count in range(live - 1, least, -1) if line(count) <= budget), least)
        elif more is not None and more > budget:
            fitting = live
        elif len(known) == 1:
            fitting = self.max_sessions
        else:
            fitting = live + 1
            while fitting < self.max_sessions and line(fitting + 1) <= budget:
                fitting += 1
        return max(1, min(fitting, self.max_sessions))

    def _problem(self, count: int, any_active: bool, ending: int, more: int, least_cost: float) -> KagamiError | None:
        if count + ending > max(self.max_sessions, more):  # a session alone may have any picture
            return ServerFullError(self.max_sessions)
        seconds = estimate_tick_time(self._draws, count) if any_active and self.min_fps > 0 else None
        if seconds is not None and seconds * least_cost * self.min_fps > 1:
            return OverloadError(1 / (seconds * least_cost), self.min_fps)
        return None


def estimate_tick_time(draws: Iterable[tuple[int, float]], batch: int) -> float | None:
    """Estimated mean seconds to draw `batch` sessions; None with too few measurements.

    draws: (batch size, seconds) of recent ticks. For a measured size the estimate is its mean. A larger size costs at
    least as much as the largest measured one, and at most in proportion to it (a CPU, where each session costs the
    same). Between these bounds it is the extrapolated line through the two largest measured sizes (a GPU, where a batch
    shares the fixed cost).
    """
    return _estimate(_mean_times(draws), batch)


def _mean_times(draws: Iterable[tuple[int, float]]) -> dict[int, float]:
    """Mean seconds of each batch size that was drawn often enough."""
    by_size: dict[int, list[float]] = defaultdict(list)
    for size, seconds in draws:
        by_size[size].append(seconds)
    return {size: sum(times) / len(times) for size, times in by_size.items() if len(times) >= MIN_DRAWS_PER_SIZE}


def _line_through(known: Mapping[int, float]) -> Callable[[int], float]:
    """Seconds to draw a number of sessions: the line that fits all measured sizes best, rising and at most in
    proportion to the largest size; in proportion where one size alone is known.
    """
    largest = max(known)
    most = known[largest] / largest
    if len(known) == 1:
        return lambda count: most * count
    middle, mean = sum(known) / len(known), sum(known.values()) / len(known)
    rise = sum((size - middle) * (seconds - mean) for size, seconds in known.items())
    slope = min(max(rise / sum((size - middle) ** 2 for size in known), 0.0), most)
    return lambda count: mean + slope * (count - middle)


def _estimate(known: Mapping[int, float], batch: int) -> float | None:
    if batch in known:
        return known[batch]
    smaller = sorted(size for size in known if size < batch)
    if not smaller:
        return None
    largest = smaller[-1]
    most = known[largest] * batch / largest
    if len(smaller) == 1:
        return most
    slope = (known[largest] - known[smaller[-2]]) / (largest - smaller[-2])
    return min(max(known[largest] + slope * (batch - largest), known[largest]), most)
