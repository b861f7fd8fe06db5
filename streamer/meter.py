"""How fast and how late: rates and percentiles over the last few seconds."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping

import numpy as np

WINDOW = 300  # samples a stage keeps: 10 s at 30 fps


class Meter:
    """Collects milliseconds by stage name and times of events by name; of each only the last `WINDOW`. Any thread may
    add.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))
        self._events: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))

    def add(self, stages: Mapping[str, float]) -> None:
        """stages: milliseconds by stage name."""
        with self._lock:
            for name, milliseconds in stages.items():
                self._stages[name].append(milliseconds)

    def tick(self, event: str) -> None:
        """`event` happened now."""
        with self._lock:
            self._events[event].append(time.monotonic())

    def rate(self, event: str, over: float = 3.0) -> float:
        """Events a second in the last `over` seconds."""
        now = time.monotonic()
        with self._lock:
            times = [t for t in self._events[event] if now - t <= over]
        if len(times) < 2:
            return 0.0
        return (len(times) - 1) / max(now - times[0], 1e-6)

    def percentiles(self, stage: str) -> dict[str, float]:
        """{"p50", "p95"} in milliseconds; zeros where nothing was measured."""
        with self._lock:
            samples = list(self._stages[stage]) if stage in self._stages else []
        if not samples:
            return {"p50": 0.0, "p95": 0.0}
        p50, p95 = np.percentile(samples, (50, 95))
        return {"p50": round(float(p50), 1), "p95": round(float(p95), 1)}

    def stages(self) -> list[str]:
        """Names of the stages measured so far, in the order in which they first came."""
        with self._lock:
            return list(self._stages)
