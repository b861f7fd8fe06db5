"""Which parts of a body an avatar's picture shows: a driver's body is looked at only as closely as that can show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShownBody:
    """limbs: whether an arm or a leg is shown; else shoulders are all that moves. hands: whether a forearm is shown."""

    limbs: bool
    hands: bool


WHOLE_BODY = ShownBody(limbs=True, hands=True)
