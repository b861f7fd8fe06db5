"""The signals by which a program is told to end."""

from __future__ import annotations

import signal
from types import ModuleType


def end_as_ctrl_c_does(signals: ModuleType = signal) -> None:
    """Let SIGTERM raise KeyboardInterrupt in the main thread, as Ctrl-C does, and on Windows, where no program is sent
    SIGTERM, Ctrl-Break, too. signals: the module `signal`, of another system in tests.
    """
    for name in ("SIGTERM", "SIGBREAK"):
        if hasattr(signals, name):
            signals.signal(getattr(signals, name), signals.default_int_handler)


def ignore_ctrl_c(signals: ModuleType = signal) -> None:
    """Let a process go on when its terminal gets Ctrl-C, or on Windows Ctrl-Break, which all processes there get."""
    for name in ("SIGINT", "SIGBREAK"):
        if hasattr(signals, name):
            signals.signal(getattr(signals, name), signals.SIG_IGN)
