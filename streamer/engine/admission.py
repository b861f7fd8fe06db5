"""Whether there is room for one more session: a place, and time, which past draws foretell."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from streamer.errors import KagamiError, OverloadError, ServerFullError

RECENT = 300  # draws that foretell the next: 10 s at 30 a second
ENOUGH = 4  # draws of one batch size before it is believed


class Admission:
    """Lets in up to `max_sessions`, and no more of them than leave everybody `min_fps` frames a second (0: any).

    refused: how many were sent away. Not thread-safe: the engine guards it.
    """

    def __init__(self, max_sessions: int, min_fps: float) -> None:
        self.max_sessions = max_sessions
        self.min_fps = min_fps
        self.refused = 0
        self._draws: deque[tuple[int, float]] = deque(maxlen=RECENT)

    def note(self, batch: int, seconds: float) -> None:
        """A batch of so many sessions was drawn in this time."""
        self._draws.append((batch, seconds))

    def check(self, live: int, stalled: int = 0) -> None:
        """May one come to those who are live? stalled: how many of them have a camera that went silent, as after a lost
        network, whose frames nobody misses: to none but these one may always come, if there is a place.

        Raises ServerFullError, OverloadError.
        """
        problem = self._problem(live + 1, live > stalled)
        if problem is not None:
            self.refused += 1
            raise problem

    def _problem(self, count: int, anybody: bool) -> KagamiError | None:
        if count > self.max_sessions:
            return ServerFullError(self.max_sessions)
        seconds = tick_time(self._draws, count) if anybody and self.min_fps > 0 else None
        if seconds is not None and seconds * self.min_fps > 1:
            return OverloadError(1 / seconds, self.min_fps)
        return None


def tick_time(draws: Iterable[tuple[int, float]], batch: int) -> float | None:
    """Seconds that drawing `batch` sessions will take on the average; None where too little was measured to say.

    draws: (batch size, seconds) of recent ticks. A size that was drawn is known. A larger one costs at least as much as
    the largest known, and at most in proportion to it, as on a CPU, where each session costs the same; between the two,
    a line through the two largest known sizes decides, as on a GPU, where a batch shares the fixed cost.
    """
    by_size: dict[int, list[float]] = defaultdict(list)
    for size, seconds in draws:
        by_size[size].append(seconds)
    known = {size: sum(times) / len(times) for size, times in by_size.items() if len(times) >= ENOUGH}
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
