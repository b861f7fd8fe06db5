"""How far a driver looks away from where they looked in their neutral, and the turns that set it right."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from models.geometry.offsets import EYEBALL_RADIUS
from models.geometry.topology import LEFT_IRIS, LEFT_LID, RIGHT_IRIS, RIGHT_LID
from streamer.options import TURN_LIMITS
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import Array
from streamer.tracking.tracker import TrackedMotion

_EYES = ((RIGHT_LID[0], RIGHT_LID[8], RIGHT_IRIS), (LEFT_LID[0], LEFT_LID[8], LEFT_IRIS))  # corners and iris


def straightening_turns(recent: Sequence[TrackedMotion], head: float = 1.0, eyes: float = 1.0) -> dict[str, float]:
    """The turns, by the names of `TURN_LIMITS`, in whole degrees, with which the avatar's head and gaze are as in its
    picture while the driver looks as in these motions, of which the median counts.

    head, eyes: strengths of the head's and of the eyes' motion. Raises ValueError without a motion that has a face.
    """
    turns, gazes = [], []
    for tracked in recent:
        if tracked.motion.face is not None and tracked.neutral.face is not None:
            now, before = head_pose(tracked.motion.face), head_pose(tracked.neutral.face)
            turns.append(cv2.Rodrigues((now.rotation @ before.rotation.T).astype(np.float64))[0][:, 0])
            gazes.append(_gaze(now.inverse(tracked.motion.face)) - _gaze(before.inverse(tracked.neutral.face)))
    if not turns:
        raise ValueError("no motion has a face")
    back = cv2.Rodrigues(-head * np.median(turns, axis=0))[0]  # y @ x @ z, see `turn_head`
    aside, down = eyes * np.median(gazes, axis=0)
    degrees = {
        "yaw": math.degrees(math.atan2(back[0, 2], back[2, 2])),
        "pitch": math.degrees(math.asin(np.clip(back[1, 2], -1, 1))),
        "roll": -math.degrees(math.atan2(back[1, 0], back[1, 1])),
        "gaze_x": _eye_angle(aside),
        "gaze_y": _eye_angle(down),
    }
    return {name: float(np.clip(round(degrees[name]), -most, most)) + 0.0 for name, most in TURN_LIMITS.items()}


def _gaze(local: Array) -> Array:
    """x, y of the irises (2,) from the middles of their eyes, in widths of the eye, of a shape (478, 3); the mean."""
    shares = []
    for outer, inner, iris in _EYES:
        width = np.linalg.norm(local[outer] - local[inner])
        shares.append((local[iris] - (local[outer] + local[inner]) / 2)[:2] / max(float(width), 1e-4))
    return np.mean(shares, axis=0)


def _eye_angle(share: float) -> float:
    """Degrees by which an eye turns whose iris moves by this share of the eye's width."""
    return math.degrees(math.asin(np.clip(share / EYEBALL_RADIUS, -1, 1)))
