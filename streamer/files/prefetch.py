"""Prefetching in another thread, so that an offline pipeline tracks the next frames while it draws one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")


def prefetch(items: Iterable[T], depth: int = 8) -> Generator[T, None, None]:
    """Yield the same items, produced in a thread that is at most `depth` items ahead.

    An exception of the thread is raised here, after the items that precede it. Closing the iterator early stops the
    thread after its current item. For files only: in the live path nothing queues.
    """
    produced: queue.Queue[tuple[str, T | BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def put(kind: str, value: T | BaseException | None) -> None:
        while not stop.is_set():
            try:
                produced.put((kind, value), timeout=0.1)
                return
            except queue.Full:
                continue

    def produce() -> None:
        try:
            for item in items:
                put("item", item)
                if stop.is_set():
                    break
            put("end", None)
        except BaseException as error:  # raised again in the reading thread
            put("error", error)

    thread = threading.Thread(target=produce, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = produced.get()
            if kind == "end":
                return
            if isinstance(value, BaseException):
                raise value
            yield value  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()
