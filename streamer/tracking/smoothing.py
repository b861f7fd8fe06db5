"""One-Euro smoothing of motions: landmarks at rest do not jitter, fast ones hardly lag.

Casiez, Roussel, Vogel: 1€ Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems, CHI
2012.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from models.geometry.body import HAND_POINTS, LEFT_SHOULDER, LEFT_WRIST, RIGHT_SHOULDER, RIGHT_WRIST
from streamer.tracking.head_pose import head_pose
from streamer.tracking.limb_fade import FAINT, Fade, LimbFade
from streamer.tracking.limb_gate import body_size
from streamer.tracking.motion import CONFIDENCE, KEYFRAME, VISIBILITY, Array, Motion, face_size

CUT_DISTANCE = 0.7  # face sizes; a face that moves further between two frames is taken for a cut
MIN_SHOULDER_WIDTH = 0.05  # camera units; a lower bound for the unit of body speeds


class OneEuro:
    """Filters any number of points at once; each point's cut-off frequency depends on its own speed.

    min_cutoff: Hz at rest. beta: Hz added for each unit of speed (sizes per second). d_cutoff: Hz of the low pass on
    the speed. max_gap: seconds; a longer gap, time running backwards or another shape of points restarts the filter.
    calm: may be set at any time; cut-off frequencies are divided by its square, and at 0 points are returned unchanged.
    """

    def __init__(self, min_cutoff: float, beta: float, d_cutoff: float = 1.0, max_gap: float = 0.5) -> None:
        self._min_cutoff, self._beta, self._d_cutoff, self._max_gap = min_cutoff, beta, d_cutoff, max_gap
        self.calm = 1.0
        self._time = 0.0
        self._value: Array | None = None
        self._speed: Array | None = None

    def reset(self) -> None:
        """Restart: the next points are returned unchanged."""
        self._value = self._speed = None

    def __call__(self, points: Array, now: float, size: float = 1.0) -> Array:
        """Smooth points (..., D) at `now` seconds; same shape.

        size: length of the object in the points' unit. Speeds are measured in it, so that near and far faces are
        filtered alike.
        """
        previous, speed = self._value, self._speed
        step = now - self._time
        if previous is None or speed is None or previous.shape != points.shape or not 0 < step <= self._max_gap:
            if previous is not None and previous.shape == points.shape and step == 0:
                return previous
            self._time, self._value, self._speed = now, points, np.zeros_like(points)
            return points
        alpha = _smoothing_factor(self._d_cutoff, step)
        speed = speed + alpha * ((points - previous) / (step * size) - speed)
        magnitude = np.linalg.norm(speed, axis=-1, keepdims=True)
        value = points
        if self.calm > 0:
            cutoff = (self._min_cutoff + self._beta * magnitude) / self.calm**2
            value = previous + _smoothing_factor(cutoff, step) * (points - previous)
        self._time, self._value, self._speed = now, value.astype(np.float32), speed.astype(np.float32)
        return self._value


def _smoothing_factor(cutoff: float | Array, step: float) -> float | Array:
    """Weight of the new sample in a first-order low pass of `cutoff` Hz after `step` seconds."""
    r = 2 * math.pi * cutoff * step
    return r / (r + 1)


class MotionFilter:
    """Smooths the motions of one person in the order of capture; restarts after a cut and when a face reappears.

    Measured on real talking clips: jitter of resting faces halves at 5 to 8 ms of lag, and the openings of mouth, eyes
    and brows keep a correlation above 0.99 with the unfiltered ones.

    smoothing, 0..2: 1 as measured; above that calmer and later, four times the lag at 2; 0 smooths nothing.
    """

    def __init__(self, smoothing: float = 1.0) -> None:
        self._face = OneEuro(min_cutoff=1.0, beta=30.0, d_cutoff=5.0)
        self._body = OneEuro(min_cutoff=1.0, beta=10.0, d_cutoff=5.0)
        self._limbs = LimbFade()
        self._hands = (OneEuro(1.0, 10.0, 5.0), OneEuro(1.0, 10.0, 5.0))
        self._hand_fade = Fade()
        self._hand_confidence = np.zeros((2, HAND_POINTS), np.float32)  # of each hand when it was last seen
        self._torso = OneEuro(min_cutoff=1.0, beta=10.0, d_cutoff=5.0)
        self._keyframe = 0.0  # of the torso
        self._shade = OneEuro(min_cutoff=3.0, beta=0.0)
        self._last_face: Array | None = None
        self._scene = 0
        self.smoothing = smoothing

    @property
    def smoothing(self) -> float:
        """May be set at any time; points that move on do not jump by it."""
        return self._smoothing

    @smoothing.setter
    def smoothing(self, smoothing: float) -> None:
        self._smoothing = smoothing
        for part in (self._face, self._body, self._torso, self._shade, *self._hands):
            part.calm = smoothing

    def __call__(self, motion: Motion) -> Motion:
        """Smooth face, head, body, hands, torso and shade of a motion. Limbs and hands that are lost freeze, and their
        visibilities and confidences fade (`limb_fade.py`).
        """
        face, now = motion.face, motion.captured
        if face is None:
            self._face.reset()
            self._shade.reset()
        else:
            is_cut = motion.scene != self._scene or (self._last_face is not None and _is_cut(self._last_face, face))
            self._scene = motion.scene
            if is_cut:
                for part in (self._face, self._body, self._torso, self._shade, *self._hands):
                    part.reset()
                self._limbs.reset()
                self._hand_fade.reset()
            self._last_face, face = face, self._face(face, now, face_size(face))
        head = motion.head if face is None else head_pose(face).rotation
        body, width = motion.body, 1.0
        if body is not None:
            width = _width(body[LEFT_SHOULDER], body[RIGHT_SHOULDER])
            body = self._limbs(body, now, body_size(body))
            xyz = self._body(body[:, :VISIBILITY], now, width)
            body = np.concatenate([xyz, body[:, VISIBILITY:]], axis=1)
        faded = self._fade_hands(motion, now)
        hands = [self._smooth_hand(side, faded[side], now, width) for side in (0, 1)]
        torso = self._smooth_torso(motion.torso, now)
        shade = self._shade(motion.shade, now)
        return replace(motion, face=face, head=head, body=body, hands=np.stack(hands), torso=torso, shade=shade)

    def _smooth_torso(self, torso: Array, now: float) -> Array:
        if torso[0, KEYFRAME] != self._keyframe:
            self._torso.reset()
            self._keyframe = float(torso[0, KEYFRAME])
        xy = self._torso(torso[:, :2], now, _width(torso[0], torso[1]))
        return np.concatenate([xy, torso[:, 2:]], axis=1)

    def _fade_hands(self, motion: Motion, now: float) -> Array:
        """The hands (2, 21, 4); one that is lost stays at its wrist and fades."""
        confidence = motion.hands[..., CONFIDENCE]
        seen = confidence.any(1)
        wrists = np.zeros((2, 1, 3), np.float32)
        if motion.body is not None:
            wrists[:, 0] = motion.body[[LEFT_WRIST, RIGHT_WRIST], :VISIBILITY]
        points, level = self._hand_fade(motion.hands[..., :CONFIDENCE] - wrists, seen, now)
        self._hand_confidence = np.where(seen[:, None], confidence, self._hand_confidence)
        confidence = self._hand_confidence * level[:, None].astype(np.float32)
        return np.concatenate([points + wrists, confidence[..., None]], axis=2)

    def _smooth_hand(self, side: int, points: Array, now: float, width: float) -> Array:
        xyz, confidence = points[:, :3], points[:, 3:]
        if not confidence.any():
            self._hands[side].reset()
            return points
        return np.concatenate([self._hands[side](xyz, now, width), confidence], axis=1)


def smooth_both_ways(
    motions: Iterable[Motion], chunk: int = 64, lookahead: int = 16, smoothing: float = 1.0
) -> Iterator[Motion]:
    """Smooth the motions of a whole file forwards and backwards in time and average both, so that the lags cancel.

    Works in chunks of `chunk` motions; the backward filter of each begins `lookahead` motions after its end. Yields one
    motion for each. smoothing: see `MotionFilter`.
    """
    source = iter(motions)
    forwards = MotionFilter(smoothing)
    pending: list[tuple[Motion, Motion]] = []  # as tracked, and filtered forwards
    while True:
        pending += [(motion, forwards(motion)) for motion in islice(source, chunk + lookahead - len(pending))]
        if not pending:
            return
        backwards = MotionFilter(smoothing)
        reversed_motions = [backwards(replace(motion, captured=-motion.captured)) for motion, _ in reversed(pending)]
        ready = chunk if len(pending) == chunk + lookahead else len(pending)
        for (_, forward), backward in zip(pending[:ready], reversed(reversed_motions), strict=False):
            yield _mean(forward, backward)
        del pending[:ready]


def _mean(a: Motion, b: Motion) -> Motion:
    """Mean of two smoothings of one motion; what is not smoothed is that of a."""
    face = a.face if a.face is None or b.face is None else (a.face + b.face) / 2
    body = a.body if a.body is None or b.body is None else _mean_seen(a.body, b.body)
    head = a.head if face is None else head_pose(face).rotation
    names = ("torso", "shade", "mouth")
    means = {name: (getattr(a, name) + getattr(b, name)) / 2 for name in names}
    return replace(a, face=face, head=head, body=body, hands=_mean_seen(a.hands, b.hands), **means)


def _mean_seen(a: Array, b: Array) -> Array:
    """Mean of points x, y, z, visibility (…, 4), in which a place that is not seen counts for next to nothing."""
    weights = np.maximum(np.stack([a[..., 3:], b[..., 3:]]) - FAINT, 0) + 1e-4
    place = (weights[0] * a[..., :3] + weights[1] * b[..., :3]) / weights.sum(0)
    return np.concatenate([place, (a[..., 3:] + b[..., 3:]) / 2], axis=-1)


def _is_cut(before: Array, after: Array) -> bool:
    """Whether two successive faces (478, 3) are too far apart for one motion."""
    return float(np.linalg.norm(after.mean(0) - before.mean(0))) > CUT_DISTANCE * face_size(before)


def _width(left: Array, right: Array) -> float:
    """Distance of two points x, y, …, camera units, at least MIN_SHOULDER_WIDTH."""
    return max(float(np.linalg.norm(left[:2] - right[:2])), MIN_SHOULDER_WIDTH)
