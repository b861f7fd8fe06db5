"""Keeps MediaPipe's start-up chatter off the terminal, and nothing else."""

from __future__ import annotations

import atexit
import os
import re
import sys
import threading

# "W0000 00:00:1795231231.733270   22619 landmark_projection_calculator.cc:186] …" and what precedes the first.
_CHATTER = re.compile(
    rb"[IW]\d{4} [\d:.]+ +\d+ \S+\.cc:\d+\] |WARNING: All log messages before absl::InitializeLog|"
    rb"INFO: Created TensorFlow Lite"
)

_END = b"\0\n"  # the last line of a pipe that others hold open


def filter_native_logs() -> None:
    """Filter what native libraries write to the error stream: lines of their information and warning log are dropped.

    MediaPipe logs through absl straight to file descriptor 2, which no setting of its wheel turns off. Python's own
    `sys.stderr` is moved to a copy of the real stream, so that tracebacks and progress bars take no detour. For
    programs, at their start; does nothing when there is no error stream.
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
    thread = threading.Thread(target=_pass_on, args=(reader, real), name="quiet", daemon=True)
    thread.start()
    atexit.register(_restore, real, thread)


def _restore(real: int, thread: threading.Thread) -> None:
    """Put the real stream back and let the last lines through. Child processes may still hold the pipe open."""
    os.write(2, _END)
    os.dup2(real, 2)
    thread.join(timeout=1)


def _pass_on(reader: int, real: int) -> None:
    with os.fdopen(reader, "rb") as lines:
        for line in lines:
            if not _CHATTER.match(line):
                os.write(real, line.removesuffix(_END))
            if line.endswith(_END):
                return
