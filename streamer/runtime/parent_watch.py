"""Ends a process with its parent where the system does not, as Linux does (`streamer/runtime/prctl.py`)."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.connection import wait


def watch_parent() -> None:
    """From now on a thread waits for the end of the process that started this one, and then ends this one, whatever it
    does; if it is stopped, or a library holds the interpreter's lock, as soon as it goes on.

    Only for processes of `multiprocessing`; one without a parent lives on.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_for_end, args=(parent.sentinel,), name="parent-watch", daemon=True).start()


def _wait_for_end(sentinel: int) -> None:
    """Exit once the parent has. sentinel: what `wait` takes for it: a handle on Windows, a pipe elsewhere."""
    wait([sentinel])
    os._exit(1)
