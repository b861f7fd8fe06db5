"""Batches made ready in a thread while the device is at work on the one before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

DEPTH = 2
END = object()


def ahead(batches: Iterator[Any], depth: int = DEPTH) -> Iterator[Any]:
    """The same batches in the same order, up to `depth` of them before they are asked for. What the iterator raises is
    raised here; its thread ends with this generator.
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

    def work() -> None:
        try:
            for batch in batches:
                if not put(batch):
                    return
            put(END)
        except BaseException as error:  # handed on, SystemExit with its sentence too
            put(END, error)

    thread = threading.Thread(target=work, name="batches ahead", daemon=True)
    thread.start()
    try:
        while True:
            batch, error = ready.get()
            if error is not None:
                raise error
            if batch is END:
                return
            yield batch
    finally:
        closed.set()
        thread.join()
