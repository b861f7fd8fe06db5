"""Limbs that come and go softly: what is no longer seen freezes and fades, what is seen again eases in.

Visibility is what `models/geometry/drive_body.py` blends with the picture's own pose by.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.geometry.body import END_HOLDERS, END_JOINTS, JOINTS, LEFT_ELBOW, SHOULDERS
from streamer.tracking.motion import VISIBILITY, Array

FADE_OUT_S, FADE_IN_S = 0.4, 0.2  # from fully seen to not seen, and back
SETTLE_S = 0.07  # time constant with which a point that was frozen gets to where it is seen again
# Visibility at which a joint that was seen counts as lost, and one that was lost as seen.
LOST_BELOW, SEEN_ABOVE = 0.35, 0.55
MAX_EASED_GAP_S = 0.5  # between two frames, after which nothing is eased
DEPTH_BAND = 0.25  # sizes of the body by which z may vary while it stays; MediaPipe's varies by .1 at rest
FAINT, PLAIN = 0.4, 0.85  # visibility of a joint that has faded, which weighs nothing, and of one that is seen

_ROWS = list(range(LEFT_ELBOW, JOINTS))  # all below the shoulders
_LEADS = np.arange(JOINTS)  # whose visibility each joint has: hands have the wrist's, feet the ankle's
_LEADS[list(END_JOINTS)] = END_HOLDERS


class Fade:
    """Freezes and fades any number of things, each one or several points."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Restart: the next points are returned unchanged."""
        self._points: Array | None = None
        self._offset = np.zeros(0, np.float32)
        self._seen = np.zeros(0, bool)
        self._level = np.zeros(0)
        self._time = 0.0

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(N,) which were seen in the last frame."""
        return self._seen

    def __call__(self, points: Array, seen: NDArray[np.bool_], now: float) -> tuple[Array, NDArray[np.floating]]:
        """Points (N, …, D), and how far each thing has come in, (N,) 0..1. seen (N,): which are seen at `now` seconds.

        What is not seen stays where it was last. What returns before it has faded moves on from there.
        """
        step, before = now - self._time, self._points
        self._time = now
        if before is None or not 0 <= step <= MAX_EASED_GAP_S:
            self._offset, self._level = np.zeros_like(points), seen.astype(float)
        else:
            back = _like((seen & ~self._seen) & (self._level > 0), points)
            self._offset = np.where(back, before - points, self._offset * np.float32(math.exp(-step / SETTLE_S)))
            points = np.where(_like(seen, points), points + self._offset, before)
            self._level = np.clip(self._level + np.where(seen, step / FADE_IN_S, -step / FADE_OUT_S), 0, 1)
        self._points, self._seen = points, seen.copy()
        return points, self._level


class LimbFade:
    """Eases limbs and hips of one person in and out, and keeps their depths from flickering."""

    def __init__(self) -> None:
        self._fade = Fade()
        self._depth: Array | None = None

    def reset(self) -> None:
        """Restart: the next joints are returned with little change."""
        self._fade.reset()
        self._depth = None

    def __call__(self, body: Array, now: float, size: float) -> Array:
        """Joints (33, 4) of a body of this size at `now` seconds. Joints of head and shoulders stay.

        z moves only as far as a band of DEPTH_BAND around it says (a backlash), so that which of two limbs is nearer
        changes once when they pass.
        """
        visibility = body[_LEADS[_ROWS], VISIBILITY]
        limit = np.full(len(_ROWS), SEEN_ABOVE)
        if len(self._fade.seen):
            limit[self._fade.seen] = LOST_BELOW
        origin = body[SHOULDERS, :VISIBILITY].mean(0)
        points, level = self._fade(body[_ROWS, :VISIBILITY] - origin, visibility > limit, now)
        depth = points[:, 2]
        if self._depth is not None:
            depth = np.clip(self._depth, depth - DEPTH_BAND * size, depth + DEPTH_BAND * size)
        self._depth = depth
        eased = body.copy()
        eased[_ROWS, :2], eased[_ROWS, 2] = points[:, :2] + origin[:2], depth + origin[2]
        eased[_ROWS, VISIBILITY] = FAINT + (PLAIN - FAINT) * level
        return eased


def _like(mask: NDArray[np.bool_], points: Array) -> NDArray[np.bool_]:
    """A mask (N,) that broadcasts with points (N, …)."""
    return mask.reshape(-1, *(1,) * (points.ndim - 1))
