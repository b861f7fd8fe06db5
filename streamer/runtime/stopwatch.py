"""How long the stages of one frame take, measured where the work is done."""

from __future__ import annotations

import time

import torch


class Stopwatch:
    """Milliseconds between laps. On CUDA the device itself marks the laps, and nobody waits for it before `read`."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[tuple[str, float | torch.cuda.Event]] = []
        self.lap("start")

    def lap(self, name: str) -> None:
        """End a stage: what was asked for since the last lap."""
        if self._device.type != "cuda":
            self._marks.append((name, time.perf_counter()))
            return
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        self._marks.append((name, event))

    def read(self) -> dict[str, float]:
        """Milliseconds of each lap by name; waits until the last one has ended."""
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
