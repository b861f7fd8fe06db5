"""Prefetches batches in a thread while the device trains on the previous one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

PREFETCH_DEPTH = 2  # batches
END_OF_DATA = object()


def prefetch(batches: Iterator[Any], depth: int = PREFETCH_DEPTH) -> Iterator[Any]:
    """The same batches in the same order, up to `depth` of them computed in advance.

    Raises whatever the iterator raises. Its thread ends with this generator.
    """
    ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(depth)
    closed = threading.Event()

    def put(batch: Any, error: BaseException | None = None) -> bool:
        while not closed.is_set():
            try:
                ready.put((batch, error), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        try:
            for batch in batches:
                if not put(batch):
                    return
            put(END_OF_DATA)
        except BaseException as error:  # raised again in the consumer, SystemExit too
            put(END_OF_DATA, error)

    thread = threading.Thread(target=produce, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            batch, error = ready.get()
            if error is not None:
                raise error
            if batch is END_OF_DATA:
                return
            yield batch
    finally:
        closed.set()
        thread.join()
