"""The regions of a rendered frame, and the error of a drawn frame in each of them."""

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

_BACKGROUND_LABEL, _BODY_LABEL, _HAIR_LABEL, _SKIN_LABEL, _MOUTH_LABEL, _EYES_LABEL = range(
    6
)  # labels of `training.data.samples`
_MARGIN_DIVISOR = 85  # mouth and eyes extend beyond their outlines by 1/85 of the frame's side
_MIN_PIXELS = 64  # of a region in a clip; with fewer its figure is undefined


def regions(label: Image, face: Face) -> dict[str, Mask]:
    """REGIONS of one frame from the true label (S, S) and true landmarks (478, 3) in pixels.

    Those of PARTITION do not overlap. mouth: the lips, open or closed, and the inside of the mouth; inside: the inside
    alone. eyes: lids and eyeballs, open or closed. hair: head without face, and glasses; hair and glasses in front of
    the eyes are hair.
    """
    is_skin = np.isin(label, (_SKIN_LABEL, _MOUTH_LABEL, _EYES_LABEL))
    mouth = _dilated((label == _MOUTH_LABEL) | _polygon(face, OUTER_LIPS, label)) & is_skin
    lids = _polygon(face, RIGHT_LID, label) | _polygon(face, LEFT_LID, label)
    eyes = _dilated((label == _EYES_LABEL) | lids) & is_skin & ~mouth
    return {
        "inside": label == _MOUTH_LABEL,
        "mouth": mouth,
        "eyes": eyes,
        "face": is_skin & ~mouth & ~eyes,
        "hair": label == _HAIR_LABEL,
        "body": label == _BODY_LABEL,
        "background": label == _BACKGROUND_LABEL,
    }


def region_psnr(
    truth: Sequence[Image], drawn: Sequence[Image], labels: Sequence[Image], faces: Sequence[Face]
) -> dict[str, float]:
    """PSNR in dB of each region, over all of its pixels in the frames (S, S, 3); NaN with fewer than `_MIN_PIXELS`."""
    error, count = dict.fromkeys(REGIONS, 0.0), dict.fromkeys(REGIONS, 0)
    for true, frame, label, face in zip(truth, drawn, labels, faces, strict=True):
        square = ((true.astype(np.float64) - frame) ** 2).mean(-1)
        for name, mask in regions(label, face).items():
            error[name] += float(square[mask].sum())
            count[name] += int(mask.sum())
    return {name: _decibel(error[name] / count[name]) if count[name] >= _MIN_PIXELS else np.nan for name in REGIONS}


def mask_psnr(truth: Image, drawn: Image, mask: Mask) -> float:
    """PSNR in dB of two pictures (S, S, 3) within a mask (S, S); NaN where it has fewer than `_MIN_PIXELS`."""
    if mask.sum() < _MIN_PIXELS:
        return np.nan
    return _decibel(float(((truth[mask].astype(np.float64) - drawn[mask]) ** 2).mean()))


def _decibel(error: float) -> float:
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


def _polygon(face: Face, ring: Sequence[int], label: Image) -> Mask:
    """Pixels inside a ring of landmarks; label gives the size."""
    filled = np.zeros(label.shape, np.uint8)
    cv2.fillPoly(filled, [np.round((face[list(ring), :2] - 0.5) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return np.asarray(filled > 0)


def _dilated(mask: Mask) -> Mask:
    """A region with its margin."""
    radius = max(1, mask.shape[0] // _MARGIN_DIVISOR)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), ellipse) > 0)
