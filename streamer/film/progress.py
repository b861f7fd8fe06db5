"""How far a film is, and how long the rest takes at the rates measured so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

FilmStage = Literal["tracking", "drawing", "finishing"]
MIN_MEASURED_S = 1.0  # before which a rate says nothing


@dataclass(frozen=True, slots=True)
class FilmProgress:
    """Where a film stands.

    stage: "tracking" until the first frame is drawn, since a neutral is looked for some seconds ahead; "drawing" while
    tracking goes on beside it; "finishing" while the end of the sound and the file's index are written.
    tracked, drawn: frames so far. expected: of the whole film, 0 where the file does not tell.
    remaining_s: seconds that are left, while "tracking" at least so many; None where nothing is known yet.
    """

    stage: FilmStage
    tracked: int
    drawn: int
    expected: int
    remaining_s: float | None


class ProgressMeter:
    """Counts the frames of one film. expected: frames, 0 where unknown. clock: seconds."""

    def __init__(self, expected: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._expected, self._clock = expected, clock
        self._began = clock()
        self._drawing_began: float | None = None
        self.tracked = 0
        self.drawn = 0
        self.finishing = False

    def progress(self) -> FilmProgress:
        """Where the film stands now."""
        now = self._clock()
        if self.drawn and self._drawing_began is None:
            self._drawing_began = now
        stage: FilmStage = "finishing" if self.finishing else "drawing" if self.drawn else "tracking"
        return FilmProgress(stage, self.tracked, self.drawn, self._expected, self._remaining_s(now))

    def _remaining_s(self, now: float) -> float | None:
        """Tracking and drawing run beside each other, so that the slower one decides. As soon as drawing begins it has
        many tracked frames in store: its rate alone would promise too much.
        """
        if self.finishing:
            return 0.0
        left = [self._left(self.tracked, now - self._began)]
        if self._drawing_began is not None:
            left.append(self._left(self.drawn, now - self._drawing_began))
        known = [each for each in left if each is not None]
        return max(known) if len(known) == len(left) else None

    def _left(self, done: int, seconds: float) -> float | None:
        if not self._expected or not done or seconds < MIN_MEASURED_S:
            return None
        return max(self._expected - done, 0) * seconds / done
