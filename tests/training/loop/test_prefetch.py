"""Prefetched batches are the same batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from training.loop.prefetch import prefetch


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_prefetch_keeps_order_and_number() -> None:
    assert list(prefetch(iter(range(20)))) == list(range(20))
    assert list(prefetch(iter(()))) == []
    assert not workers()


def test_prefetch_is_bounded_by_its_depth() -> None:
    made = []

    def source() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            yield number

    batches = prefetch(source(), depth=2)
    assert next(batches) == 0
    assert len(made) <= 4  # the one given, two ready, one at the door
    batches.close()  # type: ignore[attr-defined]
    assert not workers() and len(made) < 20


def test_prefetch_raises_the_exception_of_its_thread() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise SystemExit("no more data")

    batches = prefetch(source())
    assert next(batches) == 1
    with pytest.raises(SystemExit, match="no more data"):
        next(batches)
    assert not workers()
