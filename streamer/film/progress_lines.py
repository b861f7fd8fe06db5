"""What a run tells: a line for each step, and the state of a film, rewritten in a terminal and rare in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from streamer.film.progress import FilmProgress
from streamer.options import say_duration
from streamer.runtime.moving_line import MovingLine

REDRAW_S = 0.2  # between two states of the line in a terminal
FIRST_INTERVAL_S, LONGEST_INTERVAL_S = 5.0, 60.0  # between lines that stay; each interval is twice the one before


class ProgressLines:
    """Writes to a terminal or a log. clock: seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._line, self._clock = MovingLine(stream), clock
        self._began = clock()
        self._stage = ""
        self._next = 0.0  # seconds on the clock, when the next state is due
        self._interval = FIRST_INTERVAL_S

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._clock() - self._began

    def line(self, text: str) -> None:
        """A line that stays, with the seconds since the beginning."""
        self.close()
        self._line.stay(self._dated(text))

    def sentence(self, text: str) -> None:
        """A line that stays, as it is: what went wrong, or is worth knowing."""
        self.close()
        self._line.stay(text)

    def show(self, name: str, has_sound: bool, progress: FilmProgress) -> None:
        """The state of a film. name: of it."""
        now = self._clock()
        changed = progress.stage != self._stage
        if changed:
            self._stage, self._interval = progress.stage, FIRST_INTERVAL_S
        elif now < self._next:
            return
        text = self._dated(state_of(name, has_sound, progress))
        if self._line.rewrites:
            self._next = now + REDRAW_S
        else:
            self._next, self._interval = now + self._interval, min(2 * self._interval, LONGEST_INTERVAL_S)
        self._line.move(text)

    def close(self) -> None:
        """What follows begins on a new line, and a new film with its first state. May be called again."""
        self._line.end()
        self._stage = ""

    def _dated(self, text: str) -> str:
        return f"[{self.seconds:5.1f} s] {text}"


def state_of(name: str, has_sound: bool, progress: FilmProgress) -> str:
    """The state of a film in words."""
    if progress.stage == "finishing":
        return f"writing the end of {name}" + (" and of its sound" if has_sound else "")
    done = progress.drawn if progress.stage == "drawing" else progress.tracked
    of = f" of {max(progress.expected, done)}" if progress.expected else ""
    about = "at least" if progress.stage == "tracking" else "about"
    left = "" if progress.remaining_s is None else f", {about} {say_duration(progress.remaining_s)} left"
    return f"{progress.stage} {name}: frame {done}{of}{left}"
