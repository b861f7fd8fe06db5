"""Where a picture shows a person, by the mask of MediaPipe's pose model: it follows joints, and so knows clothes that
are coloured like the wall behind them, which the segmentation networks lose.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Image
from streamer.rigging.canvas import Array
from streamer.rigging.pose_model import pose_model

MIN_FACE_COVERAGE = 0.6  # mean of a mask over a face from which it is the mask of that person
IN_DOUBT = (0.7, 0.95)  # of a matte: up to the first the mask alone decides, from the second on the matte stays
GROWN = 0.7  # of the mask: from here on what GrabCut adds below the head is kept
CLOSED = 0.9  # mean of the mask over a gap from which the gap counts as clothes


def body_mask(rgb: Image, of_face: Array) -> Array | None:
    """(H, W) 0..1 where the most prominent person of a picture (H, W, 3) is; None where that is not the one with this
    face (H, W), a mask. So of several people in a picture one has a mask at most.
    """
    with pose_model(segments=True) as model:
        found = model.process(np.ascontiguousarray(rgb)).segmentation_mask
    if found is None or not (of_face > 0).any():
        return None
    mask = np.asarray(found, np.float32).clip(0, 1)
    return mask if mask[of_face > 0].mean() > MIN_FACE_COVERAGE else None


def with_body(matte: Array, mask: Array, head: NDArray[np.bool_]) -> Array:
    """A coarse matte (H, W) with what the mask (H, W) of the body has, and where the matte is in doubt, without what
    the mask lacks. Heads (H, W) with their hair, which the mask does not follow, stay; hair that hangs lower than they
    reach (`head_region`) is treated as clothes are.
    """
    low, high = IN_DOUBT
    certainty = ((matte - low) / (high - low)).clip(0, 1)
    corrected = np.maximum(mask, matte * certainty)
    return np.where(head, matte, corrected).astype(np.float32)


def open_gaps(gaps: NDArray[np.bool_], mask: Array) -> NDArray[np.bool_]:
    """The gaps (H, W) between limbs without those that the mask (H, W) of the body fills, since clothes may have the
    colours of the wall behind.
    """
    count, labels = cv2.connectedComponents(gaps.astype(np.uint8), connectivity=8)
    pixels, covered = (np.bincount(labels.ravel(), each, count) for each in (None, mask.ravel()))
    refused = covered / np.maximum(pixels, 1) > CLOSED
    return gaps & ~refused[labels]
