"""Bridges moments of a file in which no face is found, such as damaged frames, between the faces around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from streamer.tracking.motion import Motion, blend

BRIDGED_S = 0.3  # between two faces at most; longer moments are somebody's who hides or leaves


def bridge(motions: Iterable[Motion]) -> Iterator[Motion]:
    """The same motions in order; those without a face between two faces of one scene, no more than BRIDGED_S apart, are
    on the straight way from one to the other, and so are bodies, with their hands, where no body is seen. Holds back as
    many motions at most.
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
        mixed = blend(before, after, (motion.captured - before.captured) / span)
        confidence = min(before.face_confidence, after.face_confidence)
        nearer = before if motion.captured - before.captured < span / 2 else after
        own = (mixed.body, nearer.hands) if motion.body is None else (motion.body, motion.hands)
        mixed = replace(mixed, body=own[0], hands=own[1])
        yield replace(mixed, captured=motion.captured, face_confidence=confidence, stages=motion.stages)
