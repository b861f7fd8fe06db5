"""Runs an object in a process of its own, so that its work does not compete for the caller's interpreter lock."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from streamer.runtime import fork_server
from streamer.runtime.call_watch import CallWatch, processor_seconds
from streamer.runtime.parent_death import end_with_parent

KILL_TIMEOUT_S = 0.5  # for a terminated process to end, before it is killed: one that is stopped ignores SIGTERM


class WorkerProcess:
    """One process with an object, and the thread that starts it, sends calls to it and receives their answers.

    make: makes the object there; picklable. The object's `close`, where it has one, is called at an orderly end. An
    exception in the object ends the process; that call and all later ones then raise EOFError or OSError, as all do
    whose process cannot be started. name: of the process.
    """

    def __init__(self, make: Callable[[], Any], name: str) -> None:
        self._context: Any = multiprocessing.get_context("forkserver" if fork_server.USE_FORKSERVER else "spawn")
        self._pipe, far_end = self._context.Pipe()
        self._process: BaseProcess | None = None  # once it is started
        self._is_killed = False
        self._failure: Exception | None = None  # with which it could not be started
        # Starting a process waits for the fork server, and sending to one that hangs blocks as well as receiving, once
        # the pipe is full, and only its end ends it: so all are done by a thread that can be left waiting.
        self._thread = ThreadPoolExecutor(1, f"{name}-pipe")
        self._last_call: Future[Any] = self._thread.submit(self._start, far_end, make, name)
        self._watch = CallWatch(self._processor_s)

    @property
    def silent_s(self) -> float:
        """Seconds for which `wait` has waited for the newest call, see `CallWatch`."""
        return self._watch.silent_s

    @property
    def still_s(self) -> float:
        """For how many of these the process has stood still, see `CallWatch`."""
        return self._watch.still_s

    def submit(self, name: str, *arguments: Any) -> Future[Any]:
        """Call a method of the object, after all earlier calls; its result."""
        self._watch = CallWatch(self._processor_s)
        self._last_call = self._thread.submit(self._exchange, name, arguments)
        return self._last_call

    def wait(self, call: Future[Any], timeout_s: float) -> bool:
        """Wait for a call for so many seconds, in which this process runs. Returns whether it is done."""
        return self._watch.wait(call, timeout_s)

    def close(self, patience_s: float) -> None:
        """End the process: by closing the pipe, after `patience_s` by SIGTERM, at last by SIGKILL. One that is still
        being started is killed as soon as it is.

        Blocks for `patience_s` + 2 KILL_TIMEOUT_S at most; may be called again.
        """
        deadline = time.monotonic() + patience_s
        if wait([self._last_call], patience_s).done:
            self._pipe.close()
            self._join(max(0.0, deadline - time.monotonic()))
        if not self._has_ended():
            if self._process is not None:
                self._process.terminate()
                self._join(KILL_TIMEOUT_S)
            self.kill()
            self._join(KILL_TIMEOUT_S)
        self._thread.shutdown(wait=self._has_ended(), cancel_futures=True)
        self._pipe.close()

    def kill(self) -> None:
        """End the process at once, whatever it does; calls that wait raise EOFError or OSError. Callable from any
        thread; `close` must still be called.
        """
        self._is_killed = True
        if self._process is not None:
            self._process.kill()

    def _has_ended(self) -> bool:
        """Whether the process has ended, also if that was never started."""
        if self._process is None:
            return self._last_call.done()
        return not self._process.is_alive()

    def _join(self, timeout_s: float) -> None:
        """Wait for the end of the process, of which only a fork server that runs tells."""
        if self._process is not None:
            fork_server.wake()
            self._process.join(timeout_s)

    def _processor_s(self) -> float | None:
        """See `CallWatch`."""
        return None if self._process is None or self._process.pid is None else processor_seconds(self._process.pid)

    def _start(self, far_end: Connection, make: Callable[[], Any], name: str) -> None:
        try:
            if not self._is_killed:
                self._process = fork_server.start(
                    lambda: self._context.Process(target=_serve, args=(far_end, make), name=name, daemon=True)
                )
        except (OSError, EOFError) as error:
            self._failure = error
        finally:
            far_end.close()
        if self._is_killed and self._process is not None:
            self._process.kill()

    def _exchange(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if self._failure is not None:
            raise self._failure
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
    fork server ends with the server, and its children are killed with it.
    """
    if not fork_server.USE_FORKSERVER:
        return
    from multiprocessing import forkserver  # noqa: PLC0415 - not available on every system

    ours = getattr(forkserver, "_forkserver", None)
    held = getattr(ours, "_forkserver_alive_fd", None)
    if held is not None:  # every child inherits the pipe, by which a stopped one would keep the fork server alive
        os.close(held)
        ours._forkserver_alive_fd = None  # type: ignore[union-attr]
    end_with_parent()


def _next_call(pipe: Connection) -> tuple[str, tuple[Any, ...]] | None:
    """Method name and arguments; None once the pipe is closed."""
    try:
        return pipe.recv()
    except EOFError:
        return None
