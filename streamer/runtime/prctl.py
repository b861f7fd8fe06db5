"""What only Linux's `prctl` sets of a process; each function does nothing on other systems."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36  # linux/prctl.h


def end_with_parent() -> None:
    """Let the system kill this process when the thread that it is a child of has ended, whatever it does then, even if
    it is stopped.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Let descendants whose parent ends become children of this process's main thread, instead of the system's first
    process.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_process_name(name: str) -> None:
    """Let `ps` and `top` show a name, of which the first 15 bytes count."""
    _prctl(_PR_SET_NAME, name.encode())


def _prctl(option: int, value: int | bytes) -> None:
    if sys.platform != "linux":
        return
    argument = ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_ulong(value)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, argument, *[ctypes.c_ulong(0)] * 3)
