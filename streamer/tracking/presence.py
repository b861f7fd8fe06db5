"""What the character does while nobody is seen: hold, come to rest, breathe and blink; never the camera's picture."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from models.geometry.topology import LEFT_LID, RIGHT_LID
from streamer.tracking.head_pose import CANONICAL, head_pose, rotation_matrix
from streamer.tracking.motion import Array, Motion, blend

HOLD = 0.4  # s that the last motion stands when the face is lost
EASE_OUT = 1.2  # s from there to rest
EASE_IN = 0.35  # s from rest back to the person
HICCUP = 0.15  # s; a face that was missed for no longer needs no easing

_BREATH = 0.24  # Hz
_BLINKS = 64  # blinks before their rhythm repeats
_SHOULDERS = (11, 12)


def _resting_body() -> Array:
    """(33, 4) upper body of the canonical face; the rest is not seen."""
    body = np.zeros((33, 4), np.float32)
    body[0] = 0, 0.4, 0, 1
    for left, (x, y) in {7: (0.8, 0.2), 11: (1.6, 2.0), 13: (1.9, 4.0)}.items():  # ears, shoulders, elbows
        body[left], body[left + 1] = (x, y, 0, 1), (-x, y, 0, 1)
    return body


_SCALE = 0.3  # the canonical face in camera units: outer eye corners 0.3 apart
NEUTRAL = Motion.still(CANONICAL * _SCALE, _resting_body() * [_SCALE, _SCALE, _SCALE, 1])
"""The neutral of nobody in particular, to draw with before a person is calibrated."""


class Presence:
    """One session's bridge over the times without a face. Deterministic by seed and by the times it is given."""

    def __init__(self, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self._phases = random.uniform(0, 2 * math.pi, 8)
        self._blinks = np.cumsum(random.uniform(2.0, 5.5, _BLINKS))
        self._epoch: float | None = None
        self._seen_at = -math.inf
        self._missed = False
        self._shown: Motion | None = None
        self._from: tuple[Motion, float, float] | None = None
        self._resting = True
        self._anonymous = True

    def resolve(self, motion: Motion, neutral: Motion | None, now: float) -> Motion:
        """The motion to draw at `now` seconds: always with a face.

        neutral: the person's, or None before calibration; then the result belongs to NEUTRAL and the tracked motion is
        left out. A found face passes through untouched once the easing is over.
        """
        if self._epoch is None:
            self._epoch = now
        anonymous = neutral is None or neutral.face is None
        base = NEUTRAL if neutral is None or neutral.face is None else neutral
        if self._shown is not None and self._anonymous and not anonymous:
            self._shown = self._idle(base, now)  # what was shown so far, in this person's measures
        self._anonymous = anonymous
        tracked = motion.face is not None and not anonymous
        target = self._target(motion, base, now, tracked)
        self._shown = replace(self._eased(target, now), captured=motion.captured, stages=motion.stages)
        return self._shown

    def _target(self, motion: Motion, base: Motion, now: float, tracked: bool) -> Motion:
        if tracked:
            if self._resting or (self._missed and now - self._seen_at > HICCUP):
                self._start(now, EASE_IN)
            self._seen_at, self._resting, self._missed = now, False, False
            return motion if motion.body is not None else replace(motion, body=base.body)
        self._missed = True
        if not self._resting and self._shown is not None and now - self._seen_at <= HOLD:
            return self._shown
        if not self._resting:
            self._start(now, EASE_OUT)
            self._resting = True
        return self._idle(base, now)

    def _start(self, now: float, duration: float) -> None:
        self._from = None if self._shown is None else (self._shown, now, duration)

    def _eased(self, target: Motion, now: float) -> Motion:
        if self._from is None:
            return target
        start, since, duration = self._from
        share = (now - since) / duration
        if not 0 <= share < 1:
            self._from = None
            return target
        return blend(start, target, share * share * (3 - 2 * share))

    def _idle(self, base: Motion, now: float) -> Motion:
        """The neutral, alive: a slow sway about the neck, breath in the shoulders, blinks, gaze as in the neutral."""
        if base.face is None:
            raise ValueError("rest needs a neutral with a face")
        time = now - (self._epoch or 0.0)
        pose = head_pose(base.face)
        sway = [math.sin(2 * math.pi * f * time + p) for f, p in zip((0.11, 0.07, 0.05), self._phases[:3], strict=True)]
        breath = 0.5 - 0.5 * math.cos(2 * math.pi * _BREATH * time)
        turn = rotation_matrix(np.radians(np.array([1.2, 2.0, 0.9]) * sway))  # pitch, yaw, roll in degrees
        neck = np.array([0, 1.3, 0.8])  # canonical units: where the skull sits on the spine
        shape = _blinked(pose.inverse(base.face), self._lid(time))
        shape = ((shape - neck) @ turn.T + neck).astype(np.float32)
        shape[:, 1] -= 0.012 * breath
        face = pose.apply(shape)
        body = base.body
        if body is not None:
            body = body.copy()
            width = float(np.linalg.norm(body[_SHOULDERS[0], :2] - body[_SHOULDERS[1], :2]))
            body[11:23, 1] -= 0.018 * width * breath
        return Motion(now, face, 0.0, body, head=head_pose(face).rotation)

    def _lid(self, time: float) -> float:
        """0 open .. 1 closed: down in 80 ms, up in 170 ms, as people do."""
        since = time % float(self._blinks[-1]) - self._blinks
        for begun in since[(since >= 0) & (since < 0.25)]:
            return float(begun / 0.08 if begun < 0.08 else (0.25 - begun) / 0.17)
        return 0.0


def _blinked(shape: Array, closed: float) -> Array:
    """(478, 3) with the upper lids brought `closed` (0..1) of the way down to the lower ones."""
    if closed <= 0:
        return shape
    shape = shape.copy()
    for ring in (RIGHT_LID, LEFT_LID):
        half = len(ring) // 2
        upper, lower = list(ring[1:half]), list(ring[:half:-1])
        shape[upper] += np.float32(0.92 * closed) * (shape[lower] - shape[upper])
        shape[lower] += np.float32(0.08 * closed) * (shape[upper] - shape[lower])
    return shape
