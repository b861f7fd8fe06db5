"""Working ahead in another thread: same items, same errors, bounded, and gone when closed."""

import threading

import pytest

from streamer.files.prefetch import prefetch


def test_the_items_come_unchanged_and_in_order():
    assert list(prefetch(range(100), depth=3)) == list(range(100))
    assert list(prefetch([])) == []


def test_an_error_arrives_after_the_items_before_it():
    def items():
        yield 1
        raise OSError("broken")

    seen = []
    with pytest.raises(OSError, match="broken"):
        for item in prefetch(items()):
            seen.append(item)
    assert seen == [1]


def test_no_more_is_made_ahead_than_allowed():
    made = []

    def items():
        for i in range(1000):
            made.append(i)
            yield i

    stream = prefetch(items(), depth=2)
    for _ in range(10):
        next(stream)
    assert len(made) <= 10 + 2 + 2  # in the queue, and in the hands of the thread
    stream.close()


def test_closing_early_ends_the_thread_and_the_source():
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
