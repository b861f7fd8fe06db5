"""Runs an object in a process of its own, so that its work does not compete for the caller's interpreter lock."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import psutil

WAIT_STEP_S = 0.1  # of waiting for an answer; a step that took much longer tells that this machine slept
MAX_STEP_S = 0.3  # for which one step counts at most
KILL_TIMEOUT_S = 0.5  # for a terminated process to end, before it is killed: one that is stopped ignores SIGTERM
# A fork server that has imported everything starts processes at once, with shared memory. Other systems import anew.
USE_FORKSERVER = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def preload(modules: list[str]) -> None:
    """Start importing what the processes need in the background. Called by programs at their start."""
    if USE_FORKSERVER:
        from multiprocessing import forkserver  # noqa: PLC0415 - not available on every system

        forkserver.set_forkserver_preload(modules)
        forkserver.ensure_running()


class WorkerProcess:
    """One process with an object, and the thread that sends calls to it and receives their answers.

    make: makes the object there; picklable. The object's `close`, where it has one, is called at an orderly end. An
    exception in the object ends the process; that call and all later ones then raise EOFError or OSError. name: of the
    process.
    """

    def __init__(self, make: Callable[[], Any], name: str) -> None:
        context: Any = multiprocessing.get_context("forkserver" if USE_FORKSERVER else "spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end, make), name=name, daemon=True)
        self._process.start()
        far_end.close()
        # Sending to a process that hangs blocks as well as receiving, once the pipe is full, and only the end of that
        # process ends it: so both are done by a thread that can be left waiting.
        self._thread = ThreadPoolExecutor(1, f"{name}-pipe")
        self._last_call: Future[Any] | None = None
        self._silent_s = 0.0
        self._still_s = 0.0
        self._used_s: float | None = None  # processor time of the process, as `wait` saw it last

    @property
    def silent_s(self) -> float:
        """Seconds for which `wait` has waited for the newest call. Times in which this process did not run either, as
        when the machine slept, do not count.
        """
        return self._silent_s

    @property
    def still_s(self) -> float:
        """For how many of these, up to now, the process has used no processor time: it is stopped, or waits for
        something that does not come. One that computes, however slowly, does not stand still.
        """
        return self._still_s

    def submit(self, name: str, *arguments: Any) -> Future[Any]:
        """Call a method of the object, after all earlier calls; its result."""
        self._silent_s, self._still_s, self._used_s = 0.0, 0.0, None
        self._last_call = self._thread.submit(self._exchange, name, arguments)
        return self._last_call

    def wait(self, call: Future[Any], timeout_s: float) -> bool:
        """Wait for a call for so many seconds, in which this process runs. Returns whether it is done."""
        left = timeout_s
        while not call.done() and left > 0:
            began = time.monotonic()
            if wait([call], min(left, WAIT_STEP_S)).done:
                return True
            step = min(time.monotonic() - began, MAX_STEP_S)
            left -= step
            self._silent_s += step
            used_s = self._processor_s()
            self._still_s = self._still_s + step if used_s == self._used_s else 0.0
            self._used_s = used_s
        return call.done()

    def close(self, patience_s: float) -> None:
        """End the process: by closing the pipe, after `patience_s` by SIGTERM, at last by SIGKILL.

        Blocks for `patience_s` + 2 KILL_TIMEOUT_S at most; may be called again.
        """
        deadline = time.monotonic() + patience_s
        if self._last_call is not None:
            wait([self._last_call], patience_s)
        if self._last_call is None or self._last_call.done():
            self._pipe.close()
            self._process.join(max(0.0, deadline - time.monotonic()))
        for end in (self._process.terminate, self._process.kill):
            if self._process.is_alive():
                end()
                self._process.join(KILL_TIMEOUT_S)
        self._thread.shutdown(wait=not self._process.is_alive(), cancel_futures=True)
        self._pipe.close()

    def kill(self) -> None:
        """End the process at once, whatever it does; calls that wait raise EOFError or OSError. Callable from any
        thread; `close` must still be called.
        """
        self._process.kill()

    def _processor_s(self) -> float:
        """Processor time of the process, seconds; -1 once it has ended."""
        try:
            times = psutil.Process(self._process.pid).cpu_times()
        except psutil.Error:
            return -1.0
        return float(times.user + times.system)

    def _exchange(self, name: str, arguments: tuple[Any, ...]) -> Any:
        self._pipe.send((name, arguments))
        return self._pipe.recv()


def _serve(pipe: Connection, make: Callable[[], Any]) -> None:
    """The process: calls the object's methods until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then closes the pipe
    _end_with_server()
    served = make()
    for name, arguments in iter(partial(_next_call, pipe), None):
        pipe.send(getattr(served, name)(*arguments))
    if hasattr(served, "close"):
        served.close()


def _end_with_server() -> None:
    """Let the system kill this process when the server is gone, whatever it does then, even if it is stopped.

    A process that waits for calls notices by its pipe, on every system; one that is busy or stopped only on Linux: the
    fork server ends once nobody holds its pipe any more, and its children are killed with it.
    """
    if not USE_FORKSERVER:
        return
    from multiprocessing import forkserver  # noqa: PLC0415 - not available on every system

    ours = getattr(forkserver, "_forkserver", None)
    held = getattr(ours, "_forkserver_alive_fd", None)
    if held is not None:  # every child inherits the pipe, by which a stopped one would keep the fork server alive
        os.close(held)
        ours._forkserver_alive_fd = None  # type: ignore[union-attr]
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _next_call(pipe: Connection) -> tuple[str, tuple[Any, ...]] | None:
    """Method name and arguments; None once the pipe is closed."""
    try:
        return pipe.recv()
    except EOFError:
        return None
