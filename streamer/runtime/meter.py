"""Frame rates and latency percentiles over the last few seconds."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

WINDOW_S = 10.0  # over which percentiles are computed
RATE_WINDOW_S = 3.0  # over which rates are computed
MAX_SAMPLES = 1200  # kept per stage: twice as many as 60 frames per second make in a window
QUANTILES = (0.5, 0.95, 0.99)
TOTAL = "total"  # stage: from the arrival of a camera frame to the departure of its avatar frame
QUEUE_AGE = "queue age"  # stage: age of a motion when the engine takes it
RECEIVED = "in"  # event: a picture of the camera has come
DRAWN = "drawn"  # event: the engine has drawn a frame


class Meter:
    """Milliseconds by stage name and times of events by name, over the last `WINDOW_S` seconds. Thread-safe.

    clock: seconds, injectable for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stages: dict[str, deque[tuple[float, float]]] = defaultdict(lambda: deque(maxlen=MAX_SAMPLES))
        self._events: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=MAX_SAMPLES))

    def add(self, stages: Mapping[str, float]) -> None:
        """stages: milliseconds by stage name."""
        now = self._clock()
        with self._lock:
            for name, milliseconds in stages.items():
                self._stages[name].append((now, milliseconds))

    def tick(self, event: str) -> None:
        """Count an event at the current time."""
        with self._lock:
            self._events[event].append(self._clock())

    def rate(self, event: str, over: float = RATE_WINDOW_S) -> float:
        """Events per second in the last `over` seconds."""
        now = self._clock()
        with self._lock:
            times = [t for t in self._events[event] if now - t <= over]
        if len(times) < 2:
            return 0.0
        return (len(times) - 1) / max(now - times[0], 1e-6)

    def samples(self) -> dict[str, list[float]]:
        """Milliseconds of the last `WINDOW_S` seconds by stage, in the order of each stage's first sample."""
        with self._lock:
            recent = {name: self._recent(samples) for name, samples in self._stages.items()}
        return {name: values for name, values in recent.items() if values}

    def stages(self) -> dict[str, dict[str, float]]:
        """The percentiles of every stage, see `percentiles`."""
        return {name: percentiles(values) for name, values in self.samples().items()}

    def percentiles(self, stage: str, over: float = WINDOW_S) -> dict[str, float]:
        """The percentiles of one stage in the last `over` seconds; zeros without samples."""
        with self._lock:
            recent = self._recent(self._stages[stage], over) if stage in self._stages else []
        return percentiles(recent)

    def _recent(self, samples: Iterable[tuple[float, float]], over: float = WINDOW_S) -> list[float]:
        since = self._clock() - over
        return [milliseconds for when, milliseconds in samples if when >= since]


def percentiles(samples: Sequence[float]) -> dict[str, float]:
    """{"p50", "p95", "p99"} rounded to a tenth; zeros without samples."""
    if not samples:
        return {name: 0.0 for name in map(quantile_name, QUANTILES)}
    values = np.quantile(samples, QUANTILES)
    return {quantile_name(q): round(float(value), 1) for q, value in zip(QUANTILES, values, strict=True)}


def quantile_name(quantile: float) -> str:
    """0.95 → p95."""
    return f"p{quantile * 100:g}"


def pooled(meters: Iterable[Meter]) -> dict[str, list[float]]:
    """The samples of many meters by stage, because percentiles of percentiles are not percentiles."""
    by_stage: dict[str, list[float]] = {}
    for meter in meters:
        for name, values in meter.samples().items():
            by_stage.setdefault(name, []).extend(values)
    return by_stage


def spread(meters: Sequence[Meter]) -> dict[str, dict[str, float]]:
    """The slowest and the fastest session: minimum and maximum over the sessions of frames drawn per second, and of the
    95th percentile of `TOTAL` in milliseconds. Zeros without sessions.
    """
    return {
        "fps": _range([meter.rate(DRAWN) for meter in meters]),
        "latency_ms": _range([meter.percentiles(TOTAL)["p95"] for meter in meters]),
    }


def _range(values: Sequence[float]) -> dict[str, float]:
    return {"min": round(min(values, default=0.0), 1), "max": round(max(values, default=0.0), 1)}
