"""The motion while no face is found: a body that is still found moves on, and its head goes along. Without a body the
last motion is held, then the character idles (`idle_motion.py`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from models.geometry.body import (
    LEFT_EAR,
    LEFT_ELBOW,
    LEFT_SHOULDER,
    NOSE,
    RIGHT_EAR,
    RIGHT_SHOULDER,
)
from streamer.tracking.head_of_body import Handover, HeadOfBody
from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.idle_habits import USUAL_HABITS, IdleHabits
from streamer.tracking.idle_motion import IdleMotion
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY, Array, Motion, blend, smooth_share
from streamer.tracking.neutral_change import carried_over

HOLD_S = 0.2  # in which the last motion is held when the face is lost
EASE_OUT_S = 1.2  # from there to the neutral
EASE_IN_S = 0.3  # from the neutral back to the tracked motion
Source = Literal["found", "placed", "idle"]  # of the head: a face, the joints of the body, or nothing that is seen
UNEASED_GAP_S = 0.15  # a face that was lost for no longer is shown without easing

_CARRIERS = [NOSE, LEFT_EAR, RIGHT_EAR, LEFT_SHOULDER, RIGHT_SHOULDER]  # joints that a head moves with
_FACE_SCALE = 0.3  # camera units; distance of the outer eye corners of `NEUTRAL`


def _neutral_body() -> Array:
    """(33, 4) upper body of the canonical face in canonical units; all other joints have visibility 0."""
    body = np.zeros((33, 4), np.float32)
    body[NOSE] = 0, 0.4, 0, 1
    for left, (x, y) in {LEFT_EAR: (0.8, 0.2), LEFT_SHOULDER: (1.6, 2.0), LEFT_ELBOW: (1.9, 4.0)}.items():
        body[left], body[left + 1] = (x, y, 0, 1), (-x, y, 0, 1)
    return body


NEUTRAL = Motion.still(CANONICAL * _FACE_SCALE, _neutral_body() * [_FACE_SCALE, _FACE_SCALE, _FACE_SCALE, 1])
"""The neutral of the canonical face, to draw with before a person is calibrated."""


class Presence:
    """Fills the times without a face in one session. Deterministic given the seed and the times of the calls.

    heads: places the driver's head where only their body is seen. habits: of the idle motion.
    """

    def __init__(self, seed: int = 0, heads: HeadOfBody | None = None, habits: IdleHabits = USUAL_HABITS) -> None:
        self._heads = heads or HeadOfBody()
        self._idle_motion = IdleMotion(seed, habits)
        self._began: float | None = None
        self._last_tracked = -math.inf
        self._lost = False
        self._shown: Motion | None = None
        self._easing: tuple[Motion, float, float] | None = None  # from which motion, since when, for how long
        self._source: Source = "idle"
        self._handover: Handover | None = None
        self._uncalibrated = True
        self._body: Array | None = None  # as tracked in this frame
        self._body_easing: tuple[Array, float] | None = None  # from which body, since when
        self._carrying: Array | None = None  # the tracked body when the easing began

    @property
    def habits(self) -> IdleHabits:
        """See `IdleMotion`."""
        return self._idle_motion.habits

    @habits.setter
    def habits(self, habits: IdleHabits) -> None:
        self._idle_motion.habits = habits

    def resolve(self, motion: Motion, neutral: Motion | None, now: float) -> Motion:
        """The motion to draw at `now` seconds; it always has a face.

        neutral: the person's, or None before the calibration; then the result is measured against NEUTRAL and the
        tracked motion is ignored. A tracked motion is returned unchanged once the easing has ended, except that a
        missing body is replaced by the neutral's, and a missing face by the neutral's on the head of the body.
        """
        if self._began is None:
            self._began = now
        uncalibrated = neutral is None or neutral.face is None
        base = NEUTRAL if neutral is None or neutral.face is None else neutral
        if self._shown is not None and self._uncalibrated and not uncalibrated:
            self._shown = self._idle(base, now)  # the easing starts from the same pose with this person's proportions
        self._uncalibrated = uncalibrated
        self._notice_body(None if uncalibrated else motion.body, now)
        seen = motion if uncalibrated else self._heads.place(motion, base)
        source: Source = "found" if motion.face is not None else "placed"
        target = self._target(seen, base, now, "idle" if uncalibrated or seen.face is None else source)
        self._shown = replace(self._eased(target, now), captured=motion.captured, stages=motion.stages)
        return self._shown

    def change_scene(self, old: Motion, new: Motion, now: float) -> None:
        """Continue from what was shown, measured against another neutral; call it before `resolve` gets the new one."""
        if self._shown is None:
            return
        self._shown = carried_over(self._shown, old, new)
        self._handover = self._body_easing = None
        self._start_easing(now, EASE_IN_S)

    def _target(self, motion: Motion, base: Motion, now: float, source: Source) -> Motion:
        """The motion to show, before easing."""
        if source != "idle":
            if self._source == "idle" or (self._lost and now - self._last_tracked > UNEASED_GAP_S):
                self._start_easing(now, EASE_IN_S)
                self._handover = None
            elif self._source != source and self._shown is not None:
                body = None if self._body is None else self._eased_body(self._body, now)
                carried = self._shown if body is None else _carried(self._shown, body)
                self._handover = Handover(carried, motion, now)
            self._last_tracked, self._source, self._lost = now, source, False
            body = base.body if self._body is None else self._body
            return motion if body is None else replace(motion, body=self._eased_body(body, now))
        self._lost, self._handover = True, None
        if self._source != "idle" and self._shown is not None and now - self._last_tracked <= HOLD_S:
            return self._shown if self._body is None else _carried(self._shown, self._eased_body(self._body, now))
        if self._source != "idle":
            self._start_easing(now, EASE_OUT_S)
            self._source = "idle"
        idle = self._idle(base, now)
        body = idle.body if self._body is None else self._body
        return idle if body is None else _carried(idle, self._eased_body(body, now))

    def _notice_body(self, body: Array | None, now: float) -> None:
        """Take the tracked body, None where there is none. One that comes or goes eases in from what was shown."""
        if (body is None) != (self._body is None):
            before = None if self._shown is None else self._shown.body
            self._body_easing = None if before is None else (before, now)
        self._body = body

    def _eased_body(self, body: Array, now: float) -> Array:
        if self._body_easing is None:
            return body
        start, since = self._body_easing
        fraction = (now - since) / EASE_IN_S
        if not 0 <= fraction < 1:
            self._body_easing = None
            return body
        return start + np.float32(smooth_share(fraction)) * (body - start)

    def _start_easing(self, now: float, duration: float) -> None:
        self._easing = None if self._shown is None else (self._shown, now, duration)
        self._carrying = None

    def _eased(self, target: Motion, now: float) -> Motion:
        if self._handover is not None and self._handover.ends_before(now):
            self._handover = None
        if self._handover is not None:
            target = self._handover.apply(target, now)
        if self._easing is None:
            return target
        start, since, duration = self._easing
        fraction = (now - since) / duration
        if not 0 <= fraction < 1:
            self._easing = None
            return target
        if self._body is not None:
            if self._carrying is None:
                self._carrying = self._body
            start = replace(_carried(replace(start, body=self._carrying), self._body), body=target.body)
        return blend(start, target, smooth_share(fraction))

    def _idle(self, base: Motion, now: float) -> Motion:
        """What the character does while nobody drives it."""
        return replace(self._idle_motion.at(base, now - (self._began or 0.0)), captured=now)


def _carried(shown: Motion, body: Array) -> Motion:
    """A motion with another body, and its face moved along with head and shoulders of that, where both show them."""
    if shown.face is None or shown.body is None:
        return replace(shown, body=body)
    seen = np.minimum(shown.body[_CARRIERS, VISIBILITY], body[_CARRIERS, VISIBILITY]) > MIN_VISIBILITY
    face = shown.face.copy()
    if seen.any():
        face[:, :2] += (body[_CARRIERS, :2] - shown.body[_CARRIERS, :2])[seen].mean(0)
    return replace(shown, face=face, body=body)
