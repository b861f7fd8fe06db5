"""A child process that has been started: its end, by itself or by a signal."""

from __future__ import annotations

from contextlib import suppress
from multiprocessing.process import BaseProcess

import psutil


class ChildProcess:
    """process: a child of this process; of `multiprocessing`, if that started it. Callable from any thread."""

    def __init__(self, process: psutil.Process | BaseProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id, which the system may give to another once `join` has returned True."""
        assert self._process.pid is not None
        return self._process.pid

    def terminate(self) -> None:
        """Send SIGTERM; does nothing if it has ended."""
        with suppress(psutil.Error):
            self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL; does nothing if it has ended."""
        with suppress(psutil.Error):
            self._process.kill()

    def join(self, timeout_s: float) -> bool:
        """Wait for its end for so many seconds. Returns whether it has ended."""
        if isinstance(self._process, BaseProcess):
            self._process.join(timeout_s)
            return not self._process.is_alive()
        try:
            self._process.wait(timeout_s)
        except psutil.TimeoutExpired:
            return False
        return True
