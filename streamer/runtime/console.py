"""The standard streams of a program, on every system."""

from __future__ import annotations

import io
import os
import sys


def accept_every_character() -> None:
    """Let standard output and error write what their encoding lacks as escapes, instead of failing, and nowhere where
    the program has no such stream. A Windows console in an old code page lacks most names of files.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # a program without a console (pythonw)
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - lasts as long as the program
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
