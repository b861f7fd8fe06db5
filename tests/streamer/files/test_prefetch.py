"""Prefetching in another thread: same items and errors, bounded, ended when closed."""

import threading

import pytest

from streamer.files.prefetch import prefetch


def test_prefetch_yields_the_items_in_order():
    assert list(prefetch(range(100), depth=3)) == list(range(100))
    assert list(prefetch([])) == []


def test_prefetch_raises_an_error_after_the_items_before_it():
    def items():
        yield 1
        raise OSError("broken")

    received = []
    with pytest.raises(OSError, match="broken"):
        for item in prefetch(items()):
            received.append(item)
    assert received == [1]


def test_prefetch_stays_within_its_depth():
    produced = []

    def items():
        for i in range(1000):
            produced.append(i)
            yield i

    stream = prefetch(items(), depth=2)
    for _ in range(10):
        next(stream)
    assert len(produced) <= 10 + 2 + 2  # items in the queue, and the one that the thread holds
    stream.close()


def test_prefetch_closed_early_ends_the_thread_and_the_source():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = threading.active_count()
    stream = prefetch(items())
    next(stream)
    stream.close()
    assert threading.active_count() == before
    assert closed.wait(5)
