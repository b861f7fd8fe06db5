"""The lines that a program writes to a terminal or a log; in a terminal the last one may be written anew."""

from __future__ import annotations

import shutil
from typing import TextIO


class MovingLine:
    """Writes to a stream. Not thread-safe.

    rewrites: whether the stream is a terminal, where `move` replaces the last line instead of adding one.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.rewrites = stream.isatty()
        self._shown = 0  # characters of the line that may be written anew; 0 without one

    def stay(self, text: str) -> None:
        """A line that stays. In a terminal it takes the place of the moving one."""
        self._write((self._replaced(text) if self._shown else text) + "\n")
        self._shown = 0

    def move(self, text: str) -> None:
        """A line that the next one replaces in a terminal, where it is cut to the width; elsewhere it stays."""
        if not self.rewrites:
            self.stay(text)
            return
        text = text[: shutil.get_terminal_size().columns - 1]
        self._write(self._replaced(text))
        self._shown = len(text)

    def end(self) -> None:
        """Leave the moving line where it is; what follows begins on a new one. May be called again."""
        if self._shown:
            self._write("\n")
        self._shown = 0

    def _replaced(self, text: str) -> str:
        """The text over the moving line. Spaces delete what is left of it: not every console knows escape codes."""
        return "\r" + text.ljust(self._shown)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
