"""The protocol of all sources of motion beside the camera: keys, voices, moods, scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from streamer.sources.expression import Expression
from streamer.sources.wanted_motion import WantedMotion


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment, for which sources are asked.

    now: seconds on the clock of the frames, of a film since its beginning. is_seen: whether the camera or the driving
    video shows the driver's face. wanted: what the sources are to do. captured: live, since when the frame's delay
    counts: when its camera picture came, or when it was begun without one.
    """

    now: float
    is_seen: bool = True
    wanted: WantedMotion = field(default_factory=WantedMotion)
    captured: float | None = None


class Source(Protocol):
    """Says what it does to a driver's motion. It belongs to one character and is not thread-safe."""

    def at(self, moment: Moment) -> Expression:
        """What it adds at a moment, and how much it keeps of the driver's own motion; `REST` for nothing.

        Called once for each frame, in the order of time. A source must neither block nor assume that frames come
        evenly: `now` may jump, live even back.
        """
        ...
