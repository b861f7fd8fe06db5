"""Plays acts: each face eases in and out, each gesture runs once, and all that are on at a time go together."""

from __future__ import annotations

from streamer.sources.acts import GESTURES, ActName, GestureName, face
from streamer.sources.expression import REST, Expression, combined
from streamer.sources.source import Moment
from streamer.tracking.motion import smooth_share

EASE_IN_S, EASE_OUT_S = 0.18, 0.35  # from nothing to a whole face, and back
MAX_STEP_S = 0.1  # by which easing goes on between two frames, however late the second is
MAX_OWN = 10  # faces of one's own that are on at a time


class ActPlayer:
    """The acts of one character from frame to frame. Not thread-safe."""

    def __init__(self) -> None:
        self._levels: dict[ActName | str, float] = {}  # 0..1, before smoothing
        self._since: dict[ActName | str, float] = {}  # seconds, when a face began
        self._own: dict[str, Expression] = {}  # also of those that ease out
        self._now: float | None = None

    def at(self, moment: Moment) -> Expression:
        """What is shown; `REST` where nothing is on."""
        wanted, now = moment.wanted.acts, moment.now
        elapsed = 0.0 if self._now is None else min(max(now - self._now, 0.0), MAX_STEP_S)
        self._now = now
        self._own.update(wanted.own)
        on = {*wanted.faces, *wanted.own}
        for name in on - self._levels.keys():
            self._levels[name], self._since[name] = 0.0, now
        for name, level in list(self._levels.items()):
            step = elapsed / EASE_IN_S if name in on else -elapsed / EASE_OUT_S
            self._levels[name] = min(level + step, 1.0)
            if self._levels[name] < 0:
                del self._levels[name], self._since[name]
                self._own.pop(name, None)
        parts = [self._face(name, now).at_strength(smooth_share(level)) for name, level in self._levels.items()]
        parts += [gesture for name, began in wanted.gestures.items() if (gesture := _gesture(name, now - began))]
        return combined(parts) if parts else REST

    def _face(self, name: str, now: float) -> Expression:
        own = self._own.get(name)
        return own if own is not None else face(name, now - self._since[name])  # type: ignore[arg-type]


def _gesture(name: GestureName, elapsed: float) -> Expression | None:
    """A gesture after some seconds; None where it is over."""
    gesture = GESTURES[name]
    share = elapsed / gesture.seconds
    return gesture.at(share) if 0 <= share < 1 else None
