"""Durations of the stages of one frame, measured on the device that does the work."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


class Stopwatch:
    """Milliseconds between laps. On CUDA a lap is an event on the current stream; only `read` waits for the device.

    clock: seconds, of other devices.
    """

    def __init__(self, device: torch.device, clock: Callable[[], float] = time.perf_counter) -> None:
        self._device = device
        self._clock = clock
        self._marks: list[tuple[str, float | torch.cuda.Event]] = []
        self.lap("start")

    def lap(self, name: str) -> None:
        """End a stage: the work that was launched since the last lap."""
        if self._device.type != "cuda":
            self._marks.append((name, self._clock()))
            return
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        self._marks.append((name, event))

    def read(self) -> dict[str, float]:
        """Milliseconds of each lap by name; waits for the end of the last one."""
        last = self._marks[-1][1]
        if not isinstance(last, float):
            last.synchronize()
        pairs = zip(self._marks, self._marks[1:], strict=False)
        return {name: _between(before, mark) for (_, before), (name, mark) in pairs}


def _between(before: float | torch.cuda.Event, after: float | torch.cuda.Event) -> float:
    if isinstance(before, float) or isinstance(after, float):
        assert isinstance(before, float) and isinstance(after, float)
        return 1000 * (after - before)
    return before.elapsed_time(after)
