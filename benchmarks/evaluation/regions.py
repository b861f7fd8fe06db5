"""The parts of a rendered frame, and how far a drawn frame is from the truth in each of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.score import Face
from models.geometry.topology import LEFT_LID, OUTER_LIPS, RIGHT_LID
from streamer.frames import Image

Mask = NDArray[np.bool_]
PARTITION = ("mouth", "eyes", "face", "hair", "body", "background")
REGIONS = ("inside", *PARTITION)

_BACKGROUND, _BODY, _HAIR, _SKIN, _MOUTH, _EYES = range(6)  # labels of `training.data.samples`
_RIM = 85  # mouth and eyes reach one pixel in so many of the frame's side beyond their outlines
_FEWEST = 64  # pixels in a clip; of fewer nothing is said


def regions(label: Image, face: Face) -> dict[str, Mask]:
    """REGIONS of one frame from the true label (S, S) and true landmarks (478, 3) in pixels.

    Those of PARTITION lie apart from each other. mouth: lips and what shows between them, a closed mouth too; inside:
    only what shows between them. eyes: lids and eyeballs, shut ones too. hair: head without face, and glasses. Hair and
    glasses before the eyes are hair.
    """
    bare = np.isin(label, (_SKIN, _MOUTH, _EYES))
    mouth = _around((label == _MOUTH) | _inside(face, OUTER_LIPS, label)) & bare
    shut = _inside(face, RIGHT_LID, label) | _inside(face, LEFT_LID, label)
    eyes = _around((label == _EYES) | shut) & bare & ~mouth
    return {
        "inside": label == _MOUTH,
        "mouth": mouth,
        "eyes": eyes,
        "face": bare & ~mouth & ~eyes,
        "hair": label == _HAIR,
        "body": label == _BODY,
        "background": label == _BACKGROUND,
    }


def region_psnr(
    truth: Sequence[Image], drawn: Sequence[Image], labels: Sequence[Image], faces: Sequence[Face]
) -> dict[str, float]:
    """dB in each region, over all pixels that it has in the frames (S, S, 3); NaN where it has next to none."""
    error, count = dict.fromkeys(REGIONS, 0.0), dict.fromkeys(REGIONS, 0)
    for one, other, label, face in zip(truth, drawn, labels, faces, strict=True):
        square = ((one.astype(np.float64) - other) ** 2).mean(-1)
        for name, mask in regions(label, face).items():
            error[name] += float(square[mask].sum())
            count[name] += int(mask.sum())
    return {name: _decibel(error[name] / count[name]) if count[name] >= _FEWEST else np.nan for name in REGIONS}


def _decibel(error: float) -> float:
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


def _inside(face: Face, ring: Sequence[int], label: Image) -> Mask:
    filled = np.zeros(label.shape, np.uint8)
    cv2.fillPoly(filled, [np.round((face[list(ring), :2] - 0.5) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return np.asarray(filled > 0)


def _around(mask: Mask) -> Mask:
    reach = max(1, mask.shape[0] // _RIM)
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), ball) > 0)
