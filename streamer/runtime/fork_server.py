"""The fork server: the process that has imported what workers need, from which they are forked at once, with shared
memory. One that is stopped, hangs or ends keeps no worker from starting. Only on Linux; other systems import anew.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.process import BaseProcess

import psutil

from streamer.runtime.call_watch import WAIT_STEP_S, CallWatch, processor_seconds

USE_FORKSERVER = sys.platform == "linux"
STILL_TIMEOUT_S = 5.0  # without processor time while a process is to be forked, before the fork server is killed
ATTEMPTS = 3  # to start a process
_FIRST = "streamer.runtime.fork_server_start"  # that the fork server imports before all else
_starting = threading.Lock()  # one process at a time, so that nobody kills the fork server of another's attempt
# The system kills the fork server when the thread that started it ends: so this one does, and lasts as long as we do.
_thread = ThreadPoolExecutor(1, "fork-server")


def preload(modules: list[str]) -> None:
    """Let the fork server, when it is next started, import these, which its processes then have."""
    if USE_FORKSERVER:
        from multiprocessing import forkserver  # noqa: PLC0415 - not available on every system

        forkserver.set_forkserver_preload([_FIRST, *modules])


def warm_up() -> None:
    """Start the fork server, which imports in the background. Called by programs at their start."""
    if USE_FORKSERVER:
        from multiprocessing import forkserver  # noqa: PLC0415 - as above

        _thread.submit(forkserver.ensure_running).result()


def start(make: Callable[[], BaseProcess]) -> BaseProcess:
    """Start a process. make: makes one that is not started. Blocks: for a moment, or while a new fork server imports.

    A fork server that is stopped is woken; one that uses no processor time for STILL_TIMEOUT_S is killed, and with it
    all its processes. Raises OSError or EOFError if no process can be started.
    """
    with _starting:
        for attempt in range(ATTEMPTS):
            process = make()
            try:
                _start_once(process)
            except (OSError, EOFError):  # the fork server ended meanwhile
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(0.1)  # until the system has taken it away
            else:
                return process
    raise AssertionError("unreachable")


def wake() -> None:
    """Let a fork server go on that was stopped. Callable from any thread."""
    process = _process()
    try:
        if process is not None and process.status() == psutil.STATUS_STOPPED:
            process.send_signal(signal.SIGCONT)
    except psutil.Error:
        pass  # it has ended, and the next start notices


def _start_once(process: BaseProcess) -> None:
    if not USE_FORKSERVER:
        process.start()
        return
    call = _thread.submit(process.start)
    watch = CallWatch(_processor_s)
    while not watch.wait(call, WAIT_STEP_S):
        wake()
        if watch.still_s > STILL_TIMEOUT_S:
            hung = _process()
            if hung is not None:
                hung.kill()
    call.result()


def _processor_s() -> float | None:
    """See `CallWatch`."""
    process = _process()
    return None if process is None else processor_seconds(process.pid)


def _process() -> psutil.Process | None:
    """The fork server."""
    if not USE_FORKSERVER:
        return None
    from multiprocessing import forkserver  # noqa: PLC0415 - as above

    pid = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None)
    try:
        return None if pid is None else psutil.Process(pid)
    except psutil.Error:
        return None
