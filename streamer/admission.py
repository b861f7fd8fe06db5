"""Whether there is time for one more session: what a tick will take, from what ticks have taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

ENOUGH = 4  # draws of one batch size before it is believed


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
