"""The mouth of one face in numpy: its opening and width, and what it is taken to look like at rest."""

from __future__ import annotations

import numpy as np
import torch

from models.geometry.openings import mouth_share
from models.geometry.topology import LEFT_MOUTH_CORNER, LOWER_LIP_INNER, RIGHT_MOUTH_CORNER, UPPER_LIP_INNER
from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.motion import Array


def lip_opening(shape: Array) -> float:
    """Height of the mouth's opening in a shape (478, 3), in its units; negative where lips cross."""
    return float(shape[LOWER_LIP_INNER, 1] - shape[UPPER_LIP_INNER, 1])


def lip_width(shape: Array) -> float:
    """Distance of the mouth's corners in a shape (478, 3), in its units."""
    return float(np.linalg.norm(shape[LEFT_MOUTH_CORNER] - shape[RIGHT_MOUTH_CORNER]))


def resting_mouth(shape: Array, share: float) -> Array:
    """A shape (478, 3), canonical units, with `share` 0..1 of the way from its mouth to that of the canonical face.

    The canonical mouth is shut and as wide as most; it is put where the shape's upper lip is, which speech moves least.
    """
    ideal = CANONICAL + shape[UPPER_LIP_INNER] - CANONICAL[UPPER_LIP_INNER]
    part = mouth_share(torch.device("cpu")).numpy()[:, None] * np.float32(share)
    return shape + part * (ideal - shape)
