"""How a character is while it does what its driver does, or idles: what the words of a mood are compiled to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from streamer.sources.acts import FaceName, GestureName
from streamer.sources.expression import REST, Expression
from streamer.tracking.idle_habits import USUAL_HABITS, IdleHabits

LEAST_REST = 1.2  # mean interval of an episode over its length, at least


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """Something that comes and goes, at intervals that are drawn by chance.

    name: seeds its times, and is that of no other one in a mood. every_s: mean seconds from one begin to the next.
    lasts_s: median length, not of a gesture. ways: one of them is shown each time, or `face` or `gesture`.
    strength: of what is shown. eases_s: seconds in which it comes and goes. for_drivers: only while a driver is seen,
    since idling has its own.
    """

    name: str
    every_s: float
    lasts_s: float = 1.0
    ways: tuple[Expression, ...] = ()
    face: FaceName | None = None
    gesture: GestureName | None = None
    strength: float = 1.0
    eases_s: tuple[float, float] = (0.35, 0.5)
    for_drivers: bool = False

    def scaled(self, degree: float) -> Episode:
        """More often and stronger by a degree, 1 as it is."""
        every_s = max(self.every_s / max(degree, 0.2), LEAST_REST * self.lasts_s)
        return replace(self, every_s=every_s, strength=self.strength * degree**0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Mood:
    """held: is always shown; its `kept` and `head` are the gains of the driver's own motion. idle: how it idles.
    episodes: what comes and goes.
    """

    held: Expression = REST
    idle: IdleHabits = USUAL_HABITS
    episodes: tuple[Episode, ...] = ()


NO_MOOD = Mood()


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """What one word of the vocabulary means, at its usual degree; `Mood` has the meaning of most fields.

    name: canonical phrase. about: what it looks like, for docs/words.md. comes_and_goes: without a word such as
    "always" it is an episode. lasts_s: of its episode. eases_s: of its episode. rate: the habit that "often" and
    "rarely" change. never: blendshapes that the mood goes without where the meaning is negated.
    """

    name: str
    about: str
    held: Expression = REST
    head: float = 1.0
    idle: IdleHabits = USUAL_HABITS
    episodes: tuple[Episode, ...] = ()
    ways: tuple[Expression, ...] = ()
    face: FaceName | None = None
    gesture: GestureName | None = None
    comes_and_goes: bool = False
    lasts_s: float = 3.0
    eases_s: tuple[float, float] = (0.4, 0.6)
    rate: str | None = None
    never: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Understood:
    """phrase: as it was written. read: as what it was read, in words of the vocabulary."""

    phrase: str
    read: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """word: that was not understood. nearest: words of the vocabulary that are spelled alike, the nearest first."""

    word: str
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class MoodReading:
    """A mood and how its text was read."""

    text: str = ""
    understood: tuple[Understood, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    mood: Mood = field(default_factory=Mood)

    @property
    def complaint(self) -> str | None:
        """One sentence about what was not understood; None where all was."""
        if not self.unknown:
            return None
        words = [
            f"'{each.word}'" + (f" (nearest: {', '.join(each.nearest)})" if each.nearest else "")
            for each in self.unknown
        ]
        return f"The mood goes on without {', '.join(words)}: docs/words.md has the words that are understood."


def degrees(*turn: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A turn (3,) in degrees as `Expression` has it, radians."""
    return np.radians(np.array(turn, np.float32))


def by_name(meanings: tuple[Meaning, ...]) -> Mapping[str, Meaning]:
    """Meanings by their names. Raises ValueError where two have one name."""
    named = {meaning.name: meaning for meaning in meanings}
    if len(named) != len(meanings):
        raise ValueError("two meanings have one name")
    return named
