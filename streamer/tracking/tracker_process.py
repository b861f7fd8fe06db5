"""Runs a tracker in its own process, so that trackers and engine do not compete for one interpreter's lock."""

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
from streamer.runtime.native_logs import filter_native_logs
from streamer.tracking.tracker import TrackedMotion, Tracker

EXIT_TIMEOUT_S = 2.0  # for a process to end by itself, before it is terminated
# A fork server that has imported everything starts processes at once, with shared memory. Other systems import anew.
USE_FORKSERVER = sys.platform == "linux"


def prepare() -> None:
    """Start importing what trackers need in the background. Called by programs at their start."""
    if USE_FORKSERVER:
        from multiprocessing import forkserver  # noqa: PLC0415 - not available on every system

        forkserver.set_forkserver_preload([__name__, "streamer.tracking.person_tracker"])
        forkserver.ensure_running()


class TrackerProcess:
    """A `Tracker` whose work is done in another process. make: makes the tracker there; picklable.

    Each call waits for the reply without holding the interpreter's lock. An exception in the tracker ends its process;
    this call and later ones then raise EOFError or OSError.
    """

    def __init__(self, make: Callable[[], Tracker]) -> None:
        context: Any = multiprocessing.get_context("forkserver" if USE_FORKSERVER else "spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end, make), name="tracker", daemon=True)
        self._process.start()
        far_end.close()

    def track(self, frame: CameraFrame) -> TrackedMotion:
        """See `Tracker`. The picture is sent through a pipe and stored nowhere."""
        return self._call("track", frame)

    def idle(self, now: float) -> TrackedMotion:
        """See `Tracker`."""
        return self._call("idle", now)

    def calibrate(self) -> None:
        """See `Tracker`."""
        self._call("calibrate")

    def close(self) -> None:
        """End the process; may be called again."""
        self._pipe.close()
        self._process.join(EXIT_TIMEOUT_S)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def _call(self, name: str, *arguments: Any) -> Any:
        """Call a method of the tracker in the process; its result."""
        self._pipe.send((name, arguments))
        return self._pipe.recv()


def _serve(pipe: Connection, make: Callable[[], Tracker]) -> None:
    """The process: calls the tracker's methods until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then closes the pipe
    filter_native_logs()
    torch.set_num_threads(1)  # a fork lacks the threads of its parent's pool, and would wait for them for ever
    tracker = make()
    for name, arguments in iter(partial(_next_call, pipe), None):
        pipe.send(getattr(tracker, name)(*arguments))
    tracker.close()


def _next_call(pipe: Connection) -> tuple[str, tuple[Any, ...]] | None:
    """Method name and arguments; None once the pipe is closed."""
    try:
        return pipe.recv()
    except EOFError:
        return None
