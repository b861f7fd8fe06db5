"""When the engine may begin its next frame: a grid of ticks, and frames saved for a voice that speaks alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from streamer.runtime import pacing

EARLY_SHARE = 0.75  # of a period: a frame may be drawn so much early, so that camera jitter costs neither tick nor wait
SAVED_FRAMES = 8.0  # at most, that a voice may have drawn without delay; their mean rate stays that of the grid


class Speaking(Protocol):
    """The part of a session that the pace looks at. speaks_unseen: see `EngineSession`."""

    speaks_unseen: bool


class TickPace:
    """At most `fps` frames a second. For the engine's thread. Times: seconds on one clock."""

    def __init__(self, now: float, fps: float) -> None:
        self._fps = fps
        self._pace = pacing.begin(now, fps, EARLY_SHARE)
        self._saves = False
        self._saved, self._counted_at = 0.0, now  # frames, and when they were so many

    @property
    def usable_at(self) -> float:
        """From when on the next frame may begin."""
        if self._saves:
            return self._counted_at + max(1 - self._saved, 0.0) / self._fps
        return pacing.usable_at(self._pace)

    def wait(self, now: float) -> float:
        """Seconds until the next frame may begin; 0 if it may now."""
        return max(self.usable_at - now, 0.0)

    def advance(self, now: float) -> None:
        """A frame begins."""
        self._pace = pacing.advance(self._pace, now)
        self._saved = min(self._saved + (now - self._counted_at) * self._fps, SAVED_FRAMES) - 1
        self._counted_at = now

    def follow(self, sessions: Sequence[Speaking]) -> None:
        """Save frames that are not drawn where the only session is a voice without a camera. After a frame."""
        saves = len(sessions) == 1 and sessions[0].speaks_unseen
        if saves and not self._saves:
            self._saved = 0.0
        self._saves = saves
