"""Keeps the start-up log lines of MediaPipe off the terminal."""

from __future__ import annotations

import atexit
import os
import re
import sys
import threading

# "W0000 00:00:1795231231.733270   22619 landmark_projection_calculator.cc:186] …" and the lines before the first one.
_DROPPED = re.compile(
    rb"[IW]\d{4} [\d:.]+ +\d+ \S+\.cc:\d+\] |WARNING: All log messages before absl::InitializeLog|"
    rb"INFO: Created TensorFlow Lite"
)

_END = b"\0\n"  # marks the end of the pipe, which child processes may hold open


def filter_native_logs() -> None:
    """Drop the information and warning lines that native libraries write to the error stream of this process.

    MediaPipe logs through absl directly to file descriptor 2, which no setting of its wheel turns off, so the
    descriptor becomes a pipe that a thread filters. Python's own `sys.stderr` is moved to a copy of the real stream, so
    that tracebacks and progress bars are not delayed. Call it once, at the start of a program; does nothing without an
    error stream.
    """
    try:
        real = os.dup(2)
    except OSError:
        return
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(real), "w", encoding=sys.stderr.encoding, errors="backslashreplace", buffering=1)
    reader, writer = os.pipe()
    os.dup2(writer, 2)
    os.close(writer)
    thread = threading.Thread(target=_forward, args=(reader, real), name="native-logs", daemon=True)
    thread.start()
    atexit.register(_restore, real, thread)


def _restore(real: int, thread: threading.Thread) -> None:
    """Restore the real stream and forward the last lines. Child processes may still hold the pipe open."""
    os.write(2, _END)
    os.dup2(real, 2)
    thread.join(timeout=1)


def _forward(reader: int, real: int) -> None:
    with os.fdopen(reader, "rb") as lines:
        for line in lines:
            if not _DROPPED.match(line):
                os.write(real, line.removesuffix(_END))
            if line.endswith(_END):
                return
