"""How a character idles, as factors of what people do at rest (`idle_motion.py`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass

LEAST, MOST = 0.04, 4.0  # of each factor


@dataclass(frozen=True, slots=True)
class IdleHabits:
    """Factors, LEAST..MOST; 1 is as usual.

    blink_rate: how often it blinks. blink_length: how long a blink takes. breath_rate, breath_depth: of breathing.
    drift: how far head and weight drift. pace: how fast they do, and how soon the eyes go on to the next place.
    wander: how many glances do not go into the camera.
    """

    blink_rate: float = 1.0
    blink_length: float = 1.0
    breath_rate: float = 1.0
    breath_depth: float = 1.0
    drift: float = 1.0
    pace: float = 1.0
    wander: float = 1.0

    def times(self, other: IdleHabits) -> IdleHabits:
        """Both together, within LEAST..MOST."""
        return IdleHabits(
            *(min(max(a * b, LEAST), MOST) for a, b in zip(astuple(self), astuple(other), strict=True))
        )  # fmt: skip

    def to_power(self, degree: float) -> IdleHabits:
        """As much of it: 0 as usual, 1 as it is, 2 twice as far from usual on a scale of ratios."""
        return IdleHabits(*(min(max(value**degree, LEAST), MOST) for value in astuple(self)))

    def towards(self, other: IdleHabits, share: float) -> IdleHabits:
        """A share 0..1 of the way to others."""
        return IdleHabits(*(a + share * (b - a) for a, b in zip(astuple(self), astuple(other), strict=True)))


USUAL_HABITS = IdleHabits()
HabitsAt = Callable[[float], IdleHabits]  # at so many seconds


def usual_habits(_seconds: float) -> IdleHabits:
    """As usual at all times."""
    return USUAL_HABITS
