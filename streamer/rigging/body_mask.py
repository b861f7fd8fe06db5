"""Where a picture shows a person, by the mask of MediaPipe's pose model: it follows joints, and so knows clothes that
are coloured like the wall behind them, which the segmentation networks lose.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.rigging.canvas import WHOLE_CANVAS, Array, Canvas, on_canvas, picture_crop
from streamer.rigging.pose_crops import person_boxes
from streamer.rigging.pose_model import POSE_SIDE, pose_model

MIN_FACE_COVERAGE = 0.6  # mean of a mask over a face from which it is the mask of that person
IN_DOUBT = (0.7, 0.95)  # of a matte: up to the first the mask alone decides, from the second on the matte stays
GROWN = 0.7  # of the mask: from here on what GrabCut adds below the head is kept
CLOSED = 0.9  # mean of the mask over a gap from which the gap counts as clothes


def body_mask(canvas: Canvas, face: Array, body: Array, of_face: Array) -> Array | None:
    """(H, W) 0..1 where a person is, on the picture's own pixels of a canvas; None where the model does not find them.

    face (478, 3), body (33, 4): landmarks and joints of the person. of_face (S, S): a mask of the face. The model finds
    the most prominent person: of the whole picture, and where that is somebody else, of a crop around this one.
    """
    is_face = (of_face > 0)[canvas.inside]
    if not is_face.any():
        return None
    with pose_model(segments=True) as model:
        for box in (WHOLE_CANVAS, *person_boxes([body], face)):
            shown = picture_crop(canvas, box, POSE_SIDE)
            found = None if shown is None else model.process(np.ascontiguousarray(shown[0])).segmentation_mask
            if shown is None or found is None:
                continue
            mask = on_canvas(np.asarray(found, np.float32), shown[1], canvas.size).clip(0, 1)[canvas.inside]
            if mask[is_face].mean() > MIN_FACE_COVERAGE:
                return np.ascontiguousarray(mask)
    return None


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
