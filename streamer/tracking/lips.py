"""The mouth of one face in numpy: its opening and width, and what it is taken to look like at rest."""

from __future__ import annotations

import numpy as np
import torch

from models.geometry.openings import mouth_share
from models.geometry.topology import LEFT_MOUTH_CORNER, LOWER_LIP_INNER, RIGHT_MOUTH_CORNER, UPPER_LIP_INNER
from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.motion import Array

SMILE_GROWTH = 1.35  # width of a smiling mouth over that at rest
SMILE_RISE = 0.04  # canonical units by which such a smile raises the upper lip
MAX_REST_WIDTH = 0.61  # canonical units: 95 % of mouths at rest are narrower


def lip_opening(shape: Array) -> float:
    """Height of the mouth's opening in a shape (478, 3), in its units; negative where lips cross."""
    return float(shape[LOWER_LIP_INNER, 1] - shape[UPPER_LIP_INNER, 1])


def lip_width(shape: Array) -> float:
    """Distance of the mouth's corners in a shape (478, 3), in its units."""
    return float(np.linalg.norm(shape[LEFT_MOUTH_CORNER] - shape[RIGHT_MOUTH_CORNER]))


def resting_mouth(shape: Array, share: float) -> Array:
    """A shape (478, 3), canonical units, with `share` 0..1 of the way from its mouth to what it is taken to be at rest.

    That is the canonical mouth, which is shut and as wide as most. A mouth that smiles widely is taken for a wide one
    that smiles as most do, so that its smile becomes that of the picture's mouth and no wider. It is put where the
    shape's upper lip is, which speech moves least and a smile raises.
    """
    canonical_width = lip_width(CANONICAL)
    width = min(max(lip_width(shape) / SMILE_GROWTH, canonical_width), MAX_REST_WIDTH)
    smile = min(max((lip_width(shape) / width - 1) / (SMILE_GROWTH - 1), 0.0), 1.0)
    middle = CANONICAL[[LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER]].mean(0)
    ideal = CANONICAL.copy()
    ideal[:, 0] += (ideal[:, 0] - middle[0]) * np.float32(width / canonical_width - 1)
    ideal += shape[UPPER_LIP_INNER] - CANONICAL[UPPER_LIP_INNER]
    ideal[:, 1] += np.float32(SMILE_RISE * smile)
    part = mouth_share(torch.device("cpu")).numpy()[:, None] * np.float32(share)
    return shape + part * (ideal - shape)
