"""What a source other than the camera says about a driver at one moment: the currency in which sources are mixed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.geometry.expressions import INDEX, NAMES, offsets
from models.motion import EXTRAS

Array = NDArray[np.float32]
EYES, BROWS, MOUTH = range(3)  # regions of `Expression.kept`, in the order of `region_shares`
MAX_WEIGHT = 1.25  # of a blendshape; more than one is more than most people can
MAX_BROW_WEIGHT = 2.0  # of one of the brows: those of drawn and rendered faces hardly show what a person's do


@cache
def blendshapes() -> Array:
    """(E, 478, 3) by how much each blendshape at weight 1 moves the landmarks, canonical units."""
    return offsets().numpy()


def weights(**named: float) -> Array:
    """(E,) weights with these values and 0 elsewhere. A pair's name without its side sets both sides.

    Raises KeyError for a name that there is not.
    """
    values = _rest()
    for name, value in named.items():
        for each in (name,) if name in INDEX else (f"{name}_L", f"{name}_R"):
            values[INDEX[each]] = value
    return values


@cache
def bounds() -> Array:
    """(E,) the most that a weight is, and its negative the least."""
    return np.array([MAX_BROW_WEIGHT if name.startswith("brow") else MAX_WEIGHT for name in NAMES], np.float32)


def _rest() -> Array:
    return np.zeros(len(NAMES), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A face, a turn of the head, raised arms, tongue and blush, relative to how the driver is without them.

    weights: (E,) of the blendshapes `NAMES`, as far from 0 as `bounds` are.
    kept: (3,) of `EYES`, `BROWS`, `MOUTH`: the factor of the driver's own motion there; 1 adds to it, 0 replaces it.
    corners: 0..1, how much of what `kept` takes of the driver's mouth stays in its corners, as a smile does.
    turn: (3,) radians, a rotation vector about the neck on the head's axes: down, to the driver's own right, tilted to
        their own left.
    raised: (2,) 0..1, how far the left and the right arm are raised.
    swing: (2,) radians by which these arms' forearms swing outwards.
    head: the factor of the driver's own turns of the head away from the neutral.
    extras: (2,) 0..1, how far the tongue is out, and how much the cheeks blush.
    """

    weights: Array = field(default_factory=_rest)
    kept: Array = field(default_factory=lambda: np.ones(3, np.float32))
    turn: Array = field(default_factory=lambda: np.zeros(3, np.float32))
    raised: Array = field(default_factory=lambda: np.zeros(2, np.float32))
    swing: Array = field(default_factory=lambda: np.zeros(2, np.float32))
    head: float = 1.0
    corners: float = 0.0
    extras: Array = field(default_factory=lambda: np.zeros(EXTRAS, np.float32))

    @property
    def is_rest(self) -> bool:
        """Whether it changes nothing."""
        others = (self.weights, self.turn, self.raised, self.extras)
        return self.head == 1 and bool((self.kept == 1).all()) and not any(each.any() for each in others)

    def at_strength(self, share: float) -> Expression:
        """As much of it, 0 for nothing, 1 for all."""
        s = np.float32(share)
        kept, head, extras = 1 + s * (self.kept - 1), 1 + share * (self.head - 1), self.extras * s
        return Expression(
            self.weights * s, kept, self.turn * s, self.raised * s, self.swing, head, self.corners, extras
        )

    @property
    def corners_kept(self) -> float:
        """The factor of what the corners of the driver's mouth do."""
        kept = float(self.kept[MOUTH])
        return kept + self.corners * (1 - kept)


REST = Expression()


def combined(parts: Iterable[Expression]) -> Expression:
    """All of them at once: what they add adds up, within bounds, and each keeps its share of the driver's motion."""
    total, kept, turn = _rest(), np.ones(3, np.float32), np.zeros(3, np.float32)
    raised, swing, head, extras = np.zeros(2, np.float32), np.zeros(2, np.float32), 1.0, np.zeros(EXTRAS, np.float32)
    corners_kept = 1.0
    for part in parts:
        total, kept, turn = total + part.weights, kept * part.kept, turn + part.turn
        head, corners_kept = head * part.head, corners_kept * part.corners_kept
        swing = np.where(part.raised > raised, part.swing, swing)
        raised, extras = np.maximum(raised, part.raised), np.maximum(extras, part.extras)
    taken = 1 - float(kept[MOUTH])
    corners = min(max((corners_kept - (1 - taken)) / taken, 0.0), 1.0) if taken > 1e-6 else 0.0
    return Expression(total.clip(-bounds(), bounds()), kept, turn, raised, swing, head, corners, extras)
