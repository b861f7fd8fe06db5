"""How far a driver smiles or draws the corners of the mouth down, whatever their lips and jaw do meanwhile."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from models.geometry.expressions import INDEX
from models.geometry.face_regions import region_shares
from streamer.sources.expression import MOUTH, Array, blendshapes
from streamer.tracking.head_pose import CANONICAL, head_pose

CORNERS = tuple(INDEX[f"mouth{name}_{side}"] for name in ("Smile", "Frown") for side in "LR")
# What speech does with a mouth, which the fit is to tell from its corners.
_SPEECH = tuple(
    INDEX[name]
    for name in (
        "jawOpen", "jawLeft", "jawRight", "jawForward", "mouthFunnel", "mouthPucker", "mouthClose", "mouthLeft",
        "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthStretch_L",
        "mouthStretch_R", "mouthUpperUp_L", "mouthUpperUp_R", "mouthLowerDown_L", "mouthLowerDown_R", "mouthPress_L",
        "mouthPress_R",
    )
)  # fmt: skip
CAUTION = 0.05  # canonical units, the price of weights in the fit: more of it splits a change among more of them
LEAST, MOST = 0.12, 1.0  # weights below are the fit's noise, which goes smoothly into none


def corner_weights(change: Array) -> Array:
    """(4,) weights of the blendshapes `CORNERS` in a change of shape (478, 3), canonical units of a mouth as wide as
    the canonical one: by least squares with a price of `CAUTION`, together with what speech does.
    """
    solution, places = _solution()
    fitted = (solution @ change[places].ravel().astype(np.float64))[: len(CORNERS)]
    return ((fitted - LEAST) / (1 - LEAST)).clip(0, MOST).astype(np.float32)


@cache
def _solution() -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """(K, n · 3) weights of corners, then of speech, by changes of the n landmarks of the mouth, and their numbers."""
    places = np.flatnonzero(region_shares(torch.device("cpu"))[MOUTH].numpy() > 0.5)
    faces = CANONICAL + blendshapes()[list(CORNERS + _SPEECH)]
    # Without what the fit of the head's pose takes for motion of the head.
    shapes = np.stack([(head_pose(face).inverse(face) - CANONICAL)[places].ravel() for face in faces]).astype(
        np.float64
    )
    return np.linalg.solve(shapes @ shapes.T + CAUTION**2 * np.eye(len(shapes)), shapes), places
