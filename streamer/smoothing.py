"""One-Euro smoothing of landmarks: still points stand still, fast points are not late.

Casiez, Roussel, Vogel: 1€ Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
Systems, CHI 2012.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from streamer.headpose import head_pose
from streamer.motion import Array, Motion, face_size

CUT = 0.7  # a face that moves by this many of its sizes between two frames is a cut, not a motion


class OneEuro:
    """Filters any number of points at once; every point has its own cut-off, driven by its own speed.

    min_cutoff: Hz of the low pass at rest. beta: Hz that each unit of speed (sizes per second) adds. d_cutoff: Hz of the
    speed's own low pass. A gap longer than `gap` seconds, time running backwards or another shape starts afresh.
    """

    def __init__(self, min_cutoff: float, beta: float, d_cutoff: float = 1.0, gap: float = 0.5) -> None:
        self._min_cutoff, self._beta, self._d_cutoff, self._gap = min_cutoff, beta, d_cutoff, gap
        self._time = 0.0
        self._value: Array | None = None
        self._speed: Array | None = None

    def reset(self) -> None:
        """Forget the past: the next points come out as they go in."""
        self._value = self._speed = None

    def __call__(self, points: Array, now: float, size: float = 1.0) -> Array:
        """(..., D) points at `now` seconds → the same shape, smoothed.

        size: length of the thing in the points' unit; speeds are measured in it, so near and far faces feel the same.
        """
        previous, speed = self._value, self._speed
        step = now - self._time
        if previous is None or speed is None or previous.shape != points.shape or not 0 < step <= self._gap:
            if previous is not None and previous.shape == points.shape and step == 0:
                return previous
            self._time, self._value, self._speed = now, points, np.zeros_like(points)
            return points
        blend = _blend(self._d_cutoff, step)
        speed = speed + blend * ((points - previous) / (step * size) - speed)
        magnitude = np.linalg.norm(speed, axis=-1, keepdims=True)
        value = previous + _blend(self._min_cutoff + self._beta * magnitude, step) * (points - previous)
        self._time, self._value, self._speed = now, value.astype(np.float32), speed.astype(np.float32)
        return self._value


def _blend(cutoff: float | Array, step: float) -> float | Array:
    """Share of the new sample in a first-order low pass of `cutoff` Hz after `step` seconds."""
    turn = 2 * math.pi * cutoff * step
    return turn / (turn + 1)


class MotionFilter:
    """Smooths the motions of one person, in the order of capture; starts afresh after a cut and when a face comes back."""

    def __init__(self) -> None:
        self._face = OneEuro(min_cutoff=2.0, beta=6.0)
        self._body = OneEuro(min_cutoff=1.5, beta=4.0)
        self._last: Array | None = None

    def __call__(self, motion: Motion) -> Motion:
        """The same motion with face, head and body smoothed; visibilities and hands as they are."""
        face, body = motion.face, motion.body
        if face is None:
            self._face.reset()
        else:
            if self._last is not None and _is_cut(self._last, face):
                self._face.reset()
                self._body.reset()
            size = face_size(face)
            self._last, face = face, self._face(face, motion.captured, size)
        if body is not None:
            body = np.concatenate([self._body(body[:, :3], motion.captured), body[:, 3:]], axis=1)
        head = motion.head if face is None else head_pose(face).rotation
        return replace(motion, face=face, body=body, head=head)


def _is_cut(before: Array, after: Array) -> bool:
    return float(np.linalg.norm(after.mean(0) - before.mean(0))) > CUT * face_size(before)
