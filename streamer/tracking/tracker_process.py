"""A tracker in a process of its own: trackers then take turns with neither each other nor the engine, as threads of
one interpreter would.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import torch

from streamer.frames import CameraFrame
from streamer.runtime.native_logs import quiet_natives
from streamer.tracking.tracker import TrackedMotion, Tracker

END = 2.0  # seconds that a process may take to end by itself
# Forks of one that has imported everything start at once and share its memory; elsewhere each imports anew.
FORKS = sys.platform == "linux"


def prepare() -> None:
    """Begin to import what trackers need, beside what the caller does; for programs, at their start."""
    if FORKS:
        from multiprocessing import forkserver  # noqa: PLC0415 - not there on every system

        forkserver.set_forkserver_preload([__name__, "streamer.tracking.person_tracker"])
        forkserver.ensure_running()


class TrackerProcess:
    """A `Tracker` that has its work done elsewhere. make: makes the tracker there; picklable.

    Each call waits for its answer, outside of the interpreter's lock. What breaks the tracker ends its process, and
    raises EOFError or OSError here from then on.
    """

    def __init__(self, make: Callable[[], Tracker]) -> None:
        context: Any = multiprocessing.get_context("forkserver" if FORKS else "spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=_work, args=(far_end, make), name="tracker", daemon=True)
        self._process.start()
        far_end.close()

    def track(self, frame: CameraFrame) -> TrackedMotion:
        """See `Tracker`; the picture goes through a pipe, and stays nowhere."""
        return self._ask("track", frame)

    def idle(self, now: float) -> TrackedMotion:
        """See `Tracker`."""
        return self._ask("idle", now)

    def calibrate(self) -> None:
        """See `Tracker`."""
        self._ask("calibrate")

    def close(self) -> None:
        """End the process; may be called again."""
        self._pipe.close()
        self._process.join(END)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def _ask(self, name: str, *arguments: Any) -> Any:
        self._pipe.send((name, arguments))
        return self._pipe.recv()


def _work(pipe: Connection, make: Callable[[], Tracker]) -> None:
    """The process: does as it is told until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C means the server, which then closes the pipe
    quiet_natives()
    torch.set_num_threads(1)  # what it was forked from may have had a pool of threads, which is not here: no waiting
    tracker = make()
    for name, arguments in iter(partial(_next, pipe), None):
        pipe.send(getattr(tracker, name)(*arguments))
    tracker.close()


def _next(pipe: Connection) -> tuple[str, tuple[Any, ...]] | None:
    try:
        return pipe.recv()
    except EOFError:
        return None
