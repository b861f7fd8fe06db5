"""Runs an object in a process of its own, so that its work does not compete for the caller's interpreter lock."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import psutil

from streamer.runtime import fork_server
from streamer.runtime.call_watch import CallWatch, processor_seconds
from streamer.runtime.child_process import ChildProcess
from streamer.runtime.end_signals import ignore_ctrl_c
from streamer.runtime.parent_watch import watch_parent
from streamer.runtime.prctl import set_process_name

KILL_TIMEOUT_S = 0.5  # for a terminated process to end, before it is killed: one that is stopped ignores SIGTERM


class WorkerProcess:
    """One process with an object, and the thread that starts it, sends calls to it and receives their answers.

    make: makes the object there; picklable. The object's `close`, where it has one, is called at an orderly end. An
    exception in the object ends the process; that call and all later ones then raise EOFError or OSError, as all do
    whose process cannot be started. name: of the process, also for `ps`. The process ends with this one, whatever both
    do then; on Linux it is a child of this process, and the fork server's end is not its end. system: as
    `sys.platform`; on Linux the process is forked, elsewhere it imports everything anew.
    """

    def __init__(self, make: Callable[[], Any], name: str, system: str = sys.platform) -> None:
        self._is_forked = system == "linux"
        self._context: Any = multiprocessing.get_context("forkserver" if self._is_forked else "spawn")
        self._pipe, far_end = self._context.Pipe()
        self._process: ChildProcess | None = None  # once it is started
        self._is_killed = False
        self._failure: Exception | None = None  # with which it could not be started
        # Starting a process waits for the fork server, and sending to one that hangs blocks as well as receiving, once
        # the pipe is full, and only its end ends it: so all are done by a thread that can be left waiting.
        self._thread = ThreadPoolExecutor(1, f"{name}-pipe")
        self._last_call: Future[Any] = self._thread.submit(self._start, far_end, make, name)
        self._watch = CallWatch(self._processor_s)

    @property
    def silent_s(self) -> float:
        """Seconds without an answer to the newest call, see `CallWatch`."""
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

    def look(self, call: Future[Any]) -> bool:
        """Whether a call is done, without waiting; see `CallWatch`."""
        return self._watch.look(call)

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
        return self._last_call.done() if self._process is None else self._process.join(0.0)

    def _join(self, timeout_s: float) -> None:
        if self._process is not None:
            self._process.join(timeout_s)

    def _processor_s(self) -> float | None:
        """See `CallWatch`."""
        return None if self._process is None else processor_seconds(self._process.pid)

    def _start(self, far_end: Connection, make: Callable[[], Any], name: str) -> None:
        arguments = (far_end, make, name, os.getpid() if self._is_forked else None)
        try:
            if not self._is_killed:
                forked = fork_server.start(
                    lambda: self._context.Process(target=_serve, args=arguments, name=name, daemon=True)
                )
                self._process = ChildProcess(forked)
                if self._is_forked:
                    far_end.close()  # else the end of the process would not be noticed here
                    if self._is_killed:
                        forked.kill()
                    self._process = ChildProcess(psutil.Process(self._pipe.recv()))
                    forked.join(KILL_TIMEOUT_S)  # it has forked the worker, and ends
                    forked.kill()
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


def _serve(pipe: Connection, make: Callable[[], Any], name: str, server: int | None) -> None:
    """The process: calls the object's methods until the pipe is closed. server: the process id of whoever calls, where
    this process was forked.
    """
    ignore_ctrl_c()  # it is for the server, which then closes the pipe
    set_process_name(name)
    if server is None:
        watch_parent()
    else:
        fork_server.leave(server, pipe.send)
    # A full collection would look at all that is imported, .1 s in which no call is answered. What is garbage by now
    # stays, too.
    gc.freeze()
    served = make()
    for method, arguments in iter(partial(_next_call, pipe), None):
        pipe.send(getattr(served, method)(*arguments))
    if hasattr(served, "close"):
        served.close()


def _next_call(pipe: Connection) -> tuple[str, tuple[Any, ...]] | None:
    """Method name and arguments; None once the pipe is closed."""
    try:
        return pipe.recv()
    except EOFError:
        return None
