"""Watches a call that another process is to answer: whether that computes, or stands still."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

WAIT_STEP_S = 0.1  # of waiting for an answer; a step that took much longer tells that this machine slept
MAX_STEP_S = 0.3  # for which one step counts at most
UNTOLD_SHARE = 0.25  # of a step counts as standing still where it may have been waiting for the disk or a processor


class CallWatch:
    """Waits for one call.

    processor_s: as `processor_seconds` of the process; None also while it has not begun.
    silent_s: seconds for which `wait` has waited, or which passed until `look` was called. Times in which this process
    did not run either, as when the machine slept, do not count.
    still_s: for how many of these, up to now, the process has used no processor time: it is stopped, or waits for
    something that does not come. One that computes, waits for a processor, or has not begun, does not stand still.
    tells_states: whether the system tells processes that wait for the disk or a processor, as Linux does, from others;
    where it does not, four times as long counts as standing still.
    """

    def __init__(self, processor_s: Callable[[], float | None], tells_states: bool = sys.platform == "linux") -> None:
        self.silent_s = 0.0
        self.still_s = 0.0
        self._processor_s = processor_s
        self._still_share = 1.0 if tells_states else UNTOLD_SHARE
        self._used_s: float | None = None  # as it was seen last
        self._counted_at = time.monotonic()  # up to when time has counted

    def wait(self, call: Future[Any], timeout_s: float) -> bool:
        """Wait for the call for so many seconds, in which this process runs. Returns whether it is done."""
        left = timeout_s
        while not call.done() and left > 0:
            self._counted_at = time.monotonic()
            if wait([call], min(left, WAIT_STEP_S)).done:
                return True
            left -= self._count()
        return call.done()

    def look(self, call: Future[Any]) -> bool:
        """Whether the call is done, without waiting; what has passed since the last look or wait counts as silence."""
        if not call.done():
            self._count()
        return call.done()

    def _count(self) -> float:
        """Count what has passed as one step; its seconds."""
        now = time.monotonic()
        step, self._counted_at = min(now - self._counted_at, MAX_STEP_S), now
        self.silent_s += step
        used_s = self._processor_s()
        is_still = used_s is not None and used_s == self._used_s
        self.still_s = self.still_s + self._still_share * step if is_still else 0.0
        self._used_s = used_s
        return step


def processor_seconds(pid: int) -> float | None:
    """Processor time that a process has used so far, seconds; None while one of its threads computes, or waits for the
    disk or, on a busy machine, for a processor; −1 once it has ended.
    """
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return -1.0
    return None if _is_active(pid) else float(times.user + times.system)


def _is_active(pid: int) -> bool:
    """Whether a thread of the process is in one of the states running, runnable or waiting for the disk; False where
    the system does not tell the states of threads, or once the process has ended.
    """
    with suppress(OSError):  # the process ends while its threads are listed
        return any(_state(stat) in ("R", "D") for stat in Path(f"/proc/{pid}/task").glob("*/stat"))
    return False


def _state(stat: Path) -> str:
    """The letter of a thread's state, of its file `stat`; "" once it has ended."""
    try:
        text = stat.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return next(iter(text.rpartition(")")[2].split()), "")  # after the name, which may have spaces
