"""Motions that are ready to be drawn: of one driver, between the frames of their video, and of two drivers as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from models.geometry.body import LEFT_SHOULDER, RIGHT_SHOULDER
from models.geometry.offsets import NECK
from streamer.tracking.head_pose import HeadTransform, head_pose
from streamer.tracking.idle_habits import HabitsAt, usual_habits
from streamer.tracking.motion import CONFIDENCE, MIN_VISIBILITY, VISIBILITY, Array, Motion, blend
from streamer.tracking.presence import NEUTRAL, Presence

_NECK = np.array([NECK], np.float32)
# From the middle of the shoulders to the neck, canonical units of the head, and how far from there it may be: a body
# that is seen from the side, or that bends, has it up to .8 aside; farther it is where a face was found wrongly.
_ABOVE_SHOULDERS, _REACH = np.array([0.0, -0.9], np.float32), 0.9


class Resolved(NamedTuple):
    """A motion to draw, which has a face; the neutral that it is measured against; and whether the driver's own face is
    seen in it, or one that was made up.
    """

    motion: Motion
    neutral: Motion
    is_seen: bool


class Idling:
    """A character whom nobody drives. seed, habits: of its motion."""

    def __init__(self, seed: int = 0, habits: HabitsAt = usual_habits) -> None:
        self._presence = Presence(seed)
        self._habits = habits

    def at(self, seconds: float) -> Resolved:
        """What it does at a moment; moments come in order."""
        self._presence.habits = self._habits(seconds)
        return Resolved(self._presence.resolve(Motion(seconds), None, seconds), NEUTRAL, False)


class Between:
    """The motions of one video at the frame times of another."""

    def __init__(self, resolved: Iterable[Resolved]) -> None:
        self._resolved = iter(resolved)
        self._before: Resolved | None = None
        self._after: Resolved | None = next(self._resolved, None)
        self._gap = 0.0  # seconds between the last two

    def at(self, seconds: float) -> Resolved | None:
        """What lies on the straight way between the two nearest motions; the first one before it, None from one frame's
        length after the last one on. Moments come in order.
        """
        while self._after is not None and self._after.motion.captured <= seconds:
            if self._before is not None:
                self._gap = self._after.motion.captured - self._before.motion.captured
            self._before, self._after = self._after, next(self._resolved, None)
        before, after = self._before, self._after
        if after is None:
            ended = before is None or seconds > before.motion.captured + self._gap - 1e-6
            return None if ended else before
        if before is None:
            return after
        start = before.motion.captured
        share = (seconds - start) / (after.motion.captured - start)
        return _between(before, after, share) if share > 0 else before


def _between(before: Resolved, after: Resolved, share: float) -> Resolved:
    """`share` 0..1 of the way from one to the other; across a change of the neutral, the nearer one."""
    nearer = before if share < 0.5 else after
    if before.neutral.scene != after.neutral.scene:
        return nearer
    motion = blend(before.motion, after.motion, share)
    a, b = before.motion.hands, after.motion.hands
    seen = (np.minimum(a[..., CONFIDENCE], b[..., CONFIDENCE]) > 0)[..., None]
    hands = np.where(seen, a + np.float32(share) * (b - a), nearer.motion.hands)
    return Resolved(replace(motion, hands=hands), after.neutral, nearer.is_seen)


def on_body(face: Resolved, body: Resolved, turns_along: bool = False) -> Resolved:
    """One driver with the face and the head's turn of one, and the body of another.

    Both are measured against their own neutral, so that their faces and figures need not be alike. The head sits where
    the neck of the body's driver is, in their size: it goes where they go, and comes nearer as they do. turns_along:
    whether it also turns as theirs does, for a face that has no turn of its own.
    """
    motion, rest = (_on_neck(of_face, of_body) for of_face, of_body in zip(face[:2], body[:2], strict=True))
    if turns_along:
        motion = _turned(motion, head_pose(_face(body.motion)).rotation @ head_pose(_face(body.neutral)).rotation.T)
    return Resolved(motion, rest, face.is_seen)


def _on_neck(face: Motion, body: Motion) -> Motion:
    """A body with the face of another motion, whose neck is where its own was."""
    own, pose = _face(face), head_pose(_face(body))
    wanted, neck = head_pose(own), _neck(pose, body.body)
    shift = neck - pose.scale * (wanted.rotation @ _NECK[0])
    moved = HeadTransform(pose.scale, wanted.rotation, shift.astype(np.float32))
    return replace(
        body, face=moved.apply(wanted.inverse(own)), face_confidence=face.face_confidence, head=moved.rotation,
        shade=face.shade, mouth=face.mouth, lids=face.lids, correction=face.correction,
        stages=body.stages | face.stages,
    )  # fmt: skip


def _neck(pose: HeadTransform, body: Array | None) -> Array:
    """Where the neck (3,) of a head is, within reach of the shoulders where these are seen, camera units."""
    neck = pose.apply(_NECK)[0]
    if body is None or body[[LEFT_SHOULDER, RIGHT_SHOULDER], VISIBILITY].min() < MIN_VISIBILITY:
        return neck
    usual = body[[LEFT_SHOULDER, RIGHT_SHOULDER], :2].mean(0) + pose.scale * _ABOVE_SHOULDERS
    away = neck[:2] - usual
    share = min(1.0, _REACH * pose.scale / max(float(np.linalg.norm(away)), 1e-6))
    return np.array([*(usual + np.float32(share) * away), neck[2]], np.float32)


def _turned(motion: Motion, turn: Array) -> Motion:
    """A motion whose head is turned about its neck. turn: (3, 3), on the camera's axes."""
    face = _face(motion)
    pose = head_pose(face)
    neck = pose.apply(_NECK)[0]
    moved = ((face - neck) @ turn.T + neck).astype(np.float32)
    return replace(motion, face=moved, head=(turn @ pose.rotation).astype(np.float32))


def _face(motion: Motion) -> Array:
    if motion.face is None:
        raise ValueError("a driver is made of motions with faces")
    return motion.face


def joined(
    lead: Iterable[Resolved], other: Iterable[Resolved], join: Callable[[Resolved, Resolved], Resolved]
) -> Iterator[Resolved]:
    """Each motion of `lead` joined with what `other` does then, at the same time as it, until either ends."""
    between = Between(other)
    for each in lead:
        now = each.motion.captured
        found = between.at(now)
        if found is None:
            return
        made = join(each, found)
        yield made._replace(motion=replace(made.motion, captured=now))
