"""Ends this process and its children in time, whatever still runs in them, once it was told to end."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
from typing import NoReturn

import psutil

EXIT_TIMEOUT_S = 2.5  # from the signal; whoever started a server expects its end within 3 s
_log = logging.getLogger(__name__)
_lock = threading.Lock()
_timer: threading.Timer | None = None


def begin() -> None:
    """From now on EXIT_TIMEOUT_S are left for an orderly end, the joining of threads at the interpreter's end included;
    then every child process is killed and this one exits with status 0. Does nothing when called again.
    """
    global _timer  # noqa: PLW0603 - there is one process to end
    with _lock:
        if _timer is None:
            _timer = threading.Timer(EXIT_TIMEOUT_S, _end)
            _timer.daemon = True
            _timer.start()


def cancel() -> None:
    """This process goes on after all: a benchmark's or a test's, in which a server was only a part."""
    global _timer  # noqa: PLW0603 - as above
    with _lock:
        if _timer is not None:
            _timer.cancel()
            _timer = None


def leave(status: int) -> NoReturn:
    """Exit as `sys.exit` does, but without waiting for threads that still work, and without taking libraries apart,
    which takes seconds on a busy machine, in which `begin` could end nothing.
    """
    atexit._run_exitfuncs()
    _exit(status)


def _end() -> None:
    _log.warning("something did not end within %.1f s, and is ended with the process", EXIT_TIMEOUT_S)
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()
    _exit(0)


def _exit(status: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
