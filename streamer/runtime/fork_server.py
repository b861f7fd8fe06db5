"""The fork server: the process that has imported what workers need, from which they are forked at once, with shared
memory. One that is stopped, hangs or ends keeps no worker from starting, and ends none. Only on Linux; other systems
import anew.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from streamer.runtime.call_watch import WAIT_STEP_S, CallWatch, processor_seconds
from streamer.runtime.prctl import adopt_orphans, end_with_parent

USE_FORKSERVER = sys.platform == "linux"
STILL_TIMEOUT_S = 5.0  # without processor time while a process is to be forked, before the fork server is killed
ATTEMPTS = 3  # to start a process
MIN_PAUSE_S, MAX_PAUSE_S = 0.2, 60.0  # between the end of a fork server and the start of the next by `warm_up`
LASTING_S = 60.0  # for which a fork server has run that did not end because of what it imports
PARENT_POLL_S = 0.001
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
    """Start the fork server, which imports in the background, and from now on another whenever one has ended, so that
    no worker waits for imports. Called once, by programs at their start.
    """
    if USE_FORKSERVER:
        _thread.submit(_ensure_running).result()
        threading.Thread(target=_keep_running, name="fork-server-watch", daemon=True).start()


def start(make: Callable[[], BaseProcess]) -> BaseProcess:
    """Start a process. make: makes one that is not started. Blocks: for a moment, or while a new fork server imports.

    A fork server that is stopped is woken; one that uses no processor time for STILL_TIMEOUT_S is killed. Raises
    OSError or EOFError if no process can be started.
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


def leave(server: int, tell: Callable[[int], object]) -> None:
    """Called in a process that the fork server has forked: go on in a fork of it that is a child of the server, whose
    process id is given. The system kills that fork when the server ends, whatever it does then, even if it is stopped;
    the end of the fork server changes nothing. tell: called with its process id before it goes on.
    """
    from multiprocessing import forkserver  # noqa: PLC0415 - as above

    ours: Any = forkserver._forkserver  # type: ignore[attr-defined]
    if ours._forkserver_alive_fd is not None:  # inherited: a stopped process would keep the fork server alive by it
        os.close(ours._forkserver_alive_fd)
        ours._forkserver_alive_fd = None
    forked = os.getpid()
    told, told_end = os.pipe()
    if worker := os.fork():
        tell(worker)
        os.write(told_end, b"1")
        os._exit(0)  # the worker, an orphan, is adopted by the server: `adopt_orphans`
    os.close(told_end)
    if not os.read(told, 1):
        os._exit(1)  # nobody knows this process
    os.close(told)
    while os.getppid() == forked:
        time.sleep(PARENT_POLL_S)
    end_with_parent()
    if os.getppid() != server:
        os._exit(1)  # it has ended meanwhile


def _ensure_running() -> None:
    from multiprocessing import forkserver  # noqa: PLC0415 - as above

    forkserver.ensure_running()


def _keep_running() -> None:
    """Start a fork server whenever one has ended; with longer and longer pauses if they end soon."""
    pause_s = MIN_PAUSE_S
    while True:
        began, process = time.monotonic(), _process()
        if process is not None:
            try:
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:
                continue  # another one has been started meanwhile
        pause_s = MIN_PAUSE_S if time.monotonic() - began > LASTING_S else min(2 * pause_s, MAX_PAUSE_S)
        time.sleep(pause_s)
        try:
            _thread.submit(_ensure_running).result()
        except RuntimeError:
            return  # this process ends
        except OSError:
            pass  # no process can be started now


def _wake() -> None:
    """Let a fork server go on that was stopped."""
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
    adopt_orphans()
    call = _thread.submit(process.start)
    watch = CallWatch(_processor_s)
    while not watch.wait(call, WAIT_STEP_S):
        _wake()
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
