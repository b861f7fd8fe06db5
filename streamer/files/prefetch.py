"""Work ahead in another thread: one part of an offline pipeline tracks while the next one draws."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")


def prefetch(items: Iterable[T], depth: int = 8) -> Generator[T, None, None]:
    """The same items, made in a thread that is at most `depth` ahead; its exception is raised here, in its place.

    Closing the iterator early stops the thread after the item that it is making. For files only: live, nothing queues.
    """
    made: queue.Queue[tuple[str, T | BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def offer(kind: str, value: T | BaseException | None) -> None:
        while not stop.is_set():
            try:
                made.put((kind, value), timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                offer("item", item)
                if stop.is_set():
                    break
            offer("end", None)
        except BaseException as error:  # handed over to whoever reads
            offer("error", error)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = made.get()
            if kind == "end":
                return
            if isinstance(value, BaseException):
                raise value
            yield value  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()
