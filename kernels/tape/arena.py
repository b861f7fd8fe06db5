"""Places values of known sizes and lifetimes in one block of memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

ALIGNMENT = 16  # elements: a line of the cache


class Span(NamedTuple):
    """A value: the first and the last step in which it is used, and its elements."""

    first: int
    last: int
    size: int


def place_spans(spans: Mapping[int, Span]) -> tuple[dict[int, int], int]:
    """Where each value begins, in elements, and how many there are in all. Values that are used in the same step do not
    overlap. The lowest free place that is large enough is taken, so that memory stays in the processor's caches.
    """
    place: dict[int, int] = {}
    living: list[tuple[int, int, int]] = []  # begin, end, last step; sorted by where they begin
    total = 0
    for key, span in sorted(spans.items(), key=lambda item: item[1].first):
        size = -(-max(span.size, 1) // ALIGNMENT) * ALIGNMENT
        living = [each for each in living if each[2] >= span.first]
        begin = 0
        for low, high, _ in living:
            if low - begin >= size:
                break
            begin = max(begin, high)
        place[key] = begin
        living.append((begin, begin + size, span.last))
        living.sort()
        total = max(total, begin + size)
    return place, total
