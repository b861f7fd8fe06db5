"""Animation parameters of a character in one frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from training.render.arrays import Array
from training.render.character.facekit import EXPRESSION_COUNT
from training.render.character.gestures import REST_ARMS, REST_FINGERS


@dataclass
class Act:
    """Animation parameters of one frame. Angles in radians, lengths in cm.

    expression: (57,) blendshape weights 0..1.
    gaze: (2,) yaw to the character's left, pitch up, relative to the head.
    head: (3,) pitch down, yaw to the character's left, roll.
    translation: (3,) of head and body together.
    lean: (3,) of the body, as `head`.
    shrug: (2,) right, left shoulder raised.
    arms: (2, 12) left, right, see training.render.character.gestures.
    fingers: (2, 6) left, right, see there.
    """

    expression: Array = field(default_factory=lambda: np.zeros(EXPRESSION_COUNT, np.float32))
    gaze: Array = field(default_factory=lambda: np.zeros(2, np.float32))
    head: Array = field(default_factory=lambda: np.zeros(3, np.float32))
    translation: Array = field(default_factory=lambda: np.zeros(3, np.float32))
    lean: Array = field(default_factory=lambda: np.zeros(3, np.float32))
    shrug: Array = field(default_factory=lambda: np.zeros(2, np.float32))
    arms: Array = field(default_factory=REST_ARMS.copy)
    fingers: Array = field(default_factory=REST_FINGERS.copy)


def rotation(turn: Array) -> Array:
    """Rotation matrix (3, 3) of pitch (about +x), yaw (about +y), roll (about +z), applied roll first."""
    x, _ = cv2.Rodrigues(np.array([turn[0], 0, 0], np.float64))
    y, _ = cv2.Rodrigues(np.array([0, turn[1], 0], np.float64))
    z, _ = cv2.Rodrigues(np.array([0, 0, turn[2]], np.float64))
    return (y @ x @ z).astype(np.float32)
