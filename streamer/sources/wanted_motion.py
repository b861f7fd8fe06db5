"""What is wanted of the sources of motion beside the camera; set by the page or by the flags of a film."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from streamer.sources.acts import FaceName, GestureName
from streamer.sources.expression import Expression
from streamer.sources.mood import NO_MOOD, Mood


@dataclass(frozen=True, slots=True)
class WantedActs:
    """What is on, set by those who press keys; one value, which is replaced.

    faces: by name. own: faces that were remembered, by a name of the page's choice. gestures: when each began last,
    seconds on the clock of `Moment.now`.
    """

    faces: frozenset[FaceName] = frozenset()
    own: Mapping[str, Expression] = field(default_factory=lambda: MappingProxyType({}))
    gestures: Mapping[GestureName, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class WantedMotion:
    """What each source is to do; a new source adds a field, by whose default it does nothing.

    acts: for `ActPlayer`. voice: 0..1, the share of the mouth that a voice has while a face is seen, without one it has
    all; None: nobody listens to it. mood: for `MoodPlayer`.
    """

    acts: WantedActs = field(default_factory=WantedActs)
    voice: float | None = None
    mood: Mood = NO_MOOD
