"""How far a frame is from showing a resting face, and what its driver does about it or could do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.geometry.topology import (
    LEFT_LID,
    LEFT_MOUTH_CORNER,
    LOWER_LIP_INNER,
    RIGHT_LID,
    RIGHT_MOUTH_CORNER,
    UPPER_LIP_INNER,
)
from streamer.options import Obstacle
from streamer.tracking.eyelids import eye_aspect_ratio
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import Array, Motion, face_size

# A frame is steady when none of these limits is exceeded:
_MAX_SPEED = 0.6  # face sizes per second, mean over the landmarks
_MIN_FRONTAL_COSINE = np.cos(np.radians(25))  # of the angle between the head's axis and the camera's
_MAX_LIP_GAP = 0.09  # face sizes; lips at rest are rarely closed
_MIN_EYE_ASPECT_RATIO = 0.16
_MIN_FACE_CONFIDENCE = 0.6
# A mouth smiles when it exceeds both. Medians of five clips: 0.74 to 0.80 and 0.08 to 0.12 in three that smile, 0.52 to
# 0.60 and 0.00 to 0.05 in those that rest or talk.
_MAX_MOUTH_WIDTH = 0.68  # face sizes
_MAX_CORNER_LIFT = 0.06  # face sizes, of the mouth's corners above the middle of the inner lips
SMALL_FACE = 0.09  # camera units; 29 pixels between the eyes at 640 pixels


@dataclass(frozen=True, slots=True)
class Steadiness:
    """A frame's deviations from a resting face that looks at the camera: up to 1 is steady, 0 is ideal.

    moves: speed. talks: open lips. blinks: closed eyes. doubt: low confidence. turned: head turned from the camera.
    smiles: a wide mouth with lifted corners. small: whether the face is small in the picture.
    """

    moves: float
    talks: float
    blinks: float
    doubt: float
    turned: float
    smiles: float
    small: bool

    @property
    def unsteadiness(self) -> float:
        """The worst of what makes landmarks differ from those at rest."""
        return max(self.moves, self.talks, self.blinks, self.doubt)

    @property
    def obstacle(self) -> Obstacle | None:
        """What keeps the frame from being a neutral, the first thing to be told; None if nothing does."""
        if self.small:
            return "small"
        if self.turned > 1:
            return "turned"
        exceeded: dict[Obstacle, float] = {
            "smiles": self.smiles, "moves": self.moves, "talks": self.talks, "blinks": self.blinks
        }  # fmt: skip
        worst = max(exceeded, key=lambda name: exceeded[name])
        return worst if exceeded[worst] > 1 else None


def steadiness(before: Motion, motion: Motion) -> Steadiness:
    """Rates a frame by itself and by the one before. Raises ValueError where one has no face."""
    face, face_before = motion.face, before.face
    if face is None or face_before is None:
        raise ValueError("a frame without a face cannot be rated")
    size = max(face_size(face), 1e-6)
    step = max(motion.captured - before.captured, 1e-3)
    speed = float(np.linalg.norm(face - face_before, axis=1).mean()) / size / step
    lip_gap = float(np.linalg.norm(face[UPPER_LIP_INNER] - face[LOWER_LIP_INNER])) / size
    eyes = min(eye_aspect_ratio(face, RIGHT_LID), eye_aspect_ratio(face, LEFT_LID))
    # head[2, 2] is the cosine of the angle between the head's axis and the camera's.
    turned = (1 - float(motion.head[2, 2])) / (1 - _MIN_FRONTAL_COSINE)
    return Steadiness(
        moves=speed / _MAX_SPEED,
        talks=lip_gap / _MAX_LIP_GAP,
        blinks=_MIN_EYE_ASPECT_RATIO / max(eyes, 0.01),
        doubt=_MIN_FACE_CONFIDENCE / max(motion.face_confidence, 0.01),
        turned=turned,
        smiles=_smile(face),
        small=size < SMALL_FACE,
    )


def _smile(face: Array) -> float:
    """How far a face (478, 3) smiles; above 1 it does. Wide mouths alone, and lifted corners alone, do not."""
    shape = head_pose(face).inverse(face)
    size = max(face_size(shape), 1e-6)
    width = float(np.linalg.norm(shape[LEFT_MOUTH_CORNER] - shape[RIGHT_MOUTH_CORNER])) / size
    middle = (shape[UPPER_LIP_INNER, 1] + shape[LOWER_LIP_INNER, 1]) / 2
    corners = (shape[LEFT_MOUTH_CORNER, 1] + shape[RIGHT_MOUTH_CORNER, 1]) / 2
    return max(0.0, min(width / _MAX_MOUTH_WIDTH, float(middle - corners) / size / _MAX_CORNER_LIFT))
