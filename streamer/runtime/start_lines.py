"""What a start is at: a line for each stage, and while one takes long, how far it is, so that nothing is silent.

Imports nothing heavy: it tells also of the imports.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from streamer.runtime.moving_line import MovingLine

SILENCE_S = 1.0  # after which a log gets a line: 2 s at most, also while an import holds the interpreter's lock
REDRAW_S = 0.25  # between two states of the moving line in a terminal


class StartLines:
    """Tells the stages of a start; while it is open as a context, a thread tells also how far the present one is.

    stream: a terminal gets one line that is rewritten, a log one after each SILENCE_S. clock: seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.perf_counter) -> None:
        self._line, self._clock = MovingLine(stream), clock
        self._began = self._told = clock()
        self._lock = threading.Lock()  # guards all that `tell` reads
        self._doing = ""
        self._usual_s = 0.0
        self._count: Callable[[], str] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="start-lines", daemon=True)

    def __enter__(self) -> StartLines:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def line(self, text: str) -> None:
        """A line that stays, with the seconds since the beginning."""
        with self._lock:
            self._line.stay(self._dated(text))
            self._told = self._clock()

    def begin(self, doing: str, usual_s: float = 0.0, count: Callable[[], str] | None = None) -> None:
        """A stage begins, and the one before it has ended. doing: what it does.

        usual_s: how long it takes on two cores, seconds; 0: untold. count: how much is done by now, instead of that, or
        "" where nothing is counted; called from another thread.
        """
        with self._lock:
            self._doing, self._usual_s, self._count = doing, usual_s, count

    def end(self) -> None:
        """The last stage has ended: from now on only `line` writes. May be called again."""
        self._ended.set()
        with self._lock:
            self._doing = ""
            self._line.end()

    def tell(self) -> None:
        """Write how far the present stage is, if that is due."""
        with self._lock:
            if not self._doing or self._clock() - self._told < (REDRAW_S if self._line.rewrites else SILENCE_S):
                return
            self._line.move(self._dated(self._state()))
            self._told = self._clock()

    def _state(self) -> str:
        how_far = "" if self._count is None else self._count()
        if not how_far and self._usual_s:
            how_far = f"usually {self._usual_s:.0f} s"
        return f"{self._doing}, {how_far}" if how_far else self._doing

    def _dated(self, text: str) -> str:
        return f"[{self._clock() - self._began:5.1f} s] {text}"

    def _run(self) -> None:
        while not self._ended.wait(REDRAW_S):
            self.tell()
