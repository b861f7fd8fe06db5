"""Bridges moments of a file in which no face is found, such as damaged frames, between the faces around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from models.geometry.body import LEFT_WRIST, RIGHT_WRIST
from streamer.tracking.motion import CONFIDENCE, VISIBILITY, Array, Motion, blend

BRIDGED_S = 0.3  # between two faces at most; longer moments are somebody's who hides or leaves


def bridge(motions: Iterable[Motion]) -> Iterator[Motion]:
    """The same motions in order; those without a face between two faces of one scene, no more than BRIDGED_S apart, are
    on the straight way from one to the other, and so are bodies where none is seen, and hands that are not found, which
    stay at their wrists. Holds back as many motions at most.
    """
    before: Motion | None = None
    waiting: list[Motion] = []
    for motion in motions:
        if motion.face is not None:
            yield from waiting if before is None else _between(before, waiting, motion)
            yield motion
            before, waiting = motion, []
        elif before is None or motion.captured - before.captured > BRIDGED_S:
            yield from waiting
            yield motion
            before, waiting = None, []
        else:
            waiting.append(motion)
    yield from waiting


def _between(before: Motion, waiting: list[Motion], after: Motion) -> Iterator[Motion]:
    span = after.captured - before.captured
    if before.scene != after.scene or not 0 < span <= BRIDGED_S:
        yield from waiting
        return
    for motion in waiting:
        share = (motion.captured - before.captured) / span
        mixed = blend(before, after, share)
        confidence = min(before.face_confidence, after.face_confidence)
        body = mixed.body if motion.body is None else motion.body
        hands = _bridged_hands(before, motion, after, body, share)
        mixed = replace(mixed, body=body, hands=hands)
        yield replace(mixed, captured=motion.captured, face_confidence=confidence, stages=motion.stages)


def _bridged_hands(before: Motion, motion: Motion, after: Motion, body: Array | None, share: float) -> Array:
    """The hands (2, 21, 4) of a motion with this body; one that was not found is at its wrist as it was on the way from
    before to after, where both show it, or else as the nearer one shows it.
    """
    hands = motion.hands.copy()
    with_wrists = all(each is not None for each in (before.body, body, after.body))
    for side, wrist in enumerate((LEFT_WRIST, RIGHT_WRIST)):
        if hands[side, :, CONFIDENCE].any():
            continue
        ends = [_from_wrist(each, side, wrist) if with_wrists else each.hands[side] for each in (before, after)]
        both = all(end[:, CONFIDENCE].any() for end in ends)
        hands[side] = ends[0] + np.float32(share) * (ends[1] - ends[0]) if both else ends[share >= 0.5]
        if with_wrists and body is not None and hands[side, :, CONFIDENCE].any():
            hands[side, :, :CONFIDENCE] += body[wrist, :VISIBILITY]
    return hands


def _from_wrist(motion: Motion, side: int, wrist: int) -> Array:
    """A hand (21, 4) relative to the body's wrist; as it is where there is no body or no hand."""
    hand = motion.hands[side].copy()
    if motion.body is not None and hand[:, CONFIDENCE].any():
        hand[:, :CONFIDENCE] -= motion.body[wrist, :VISIBILITY]
    return hand
