"""Eyes of flat drawings that are larger than any person's: their landmarks lie somewhere in the upper half of the iris.

A detector that has learnt people puts lids of people's size into such an eye. Here the eye is measured, which is all
that touches its landmarks and is not coloured as the skin; where it is much higher than they say, they are spread over
it. It then blinks as drawn eyes do (models/closeups/whole_eyes.py).
"""

from __future__ import annotations

import cv2
import numpy as np

from models.geometry.openings import EYES
from models.geometry.topology import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from streamer.rigging.canvas import Array, canvas_pixels

# Distances between the outer corners of the eyes: how far from the middle of its landmarks an eye is searched, to both
# sides, above and below.
SEARCH_ACROSS, SEARCH_ABOVE, SEARCH_BELOW = 0.3, 0.22, 0.34
CHEEK = 0.42  # the same: how far below an eye the skin is measured, and half the side of that square
CHEEK_HALF = 0.04
SKIN_DIFFERENCE = 0.12  # of colours 0..1, largest channel: what differs more is no skin
MIN_GROWTH = 1.3  # height of the eye over that of its landmarks, from which they do not fit
MAX_GROWTH = 5.0  # beyond, it is no eye, but hair that touches it


def fit_drawn_eyes(rgb: Array, face: Array) -> Array:
    """Landmarks (478, 3), canvas units, of a flat drawing's face in a picture (S, S, 3) 0..1, with those of both eyes
    spread over the drawn ones; as they are where these are not much higher, or touch hair.
    """
    size = len(rgb)
    pixels = canvas_pixels(face, size)
    unit = float(np.linalg.norm(pixels[LEFT_EYE_OUTER] - pixels[RIGHT_EYE_OUTER]))
    boxes = [eye_box(rgb, pixels[list(ring)], unit) for ring, _ in EYES]
    if any(box is None for box in boxes):
        return face
    fitted = face.copy()
    for (ring, iris), box in zip(EYES, boxes, strict=True):
        assert box is not None
        low, high = pixels[list(ring)].min(0), pixels[list(ring)].max(0)
        growth = (box[1] - box[0]) / np.maximum(high - low, 1)
        marks = list(ring)
        placed = box[0] + (pixels[marks] - low) * growth
        fitted[marks, :2] = (placed + 0.5) * 2 / size - 1
        eyeball = slice(iris, iris + 5)
        middle = (box[0] + box[1]) / 2
        spread = middle + (pixels[eyeball] - pixels[iris]) * growth.mean()
        fitted[eyeball, :2] = (spread + 0.5) * 2 / size - 1
    return fitted.astype(np.float32)


def eye_box(rgb: Array, ring: Array, unit: float) -> Array | None:
    """Upper left and lower right corner (2, 2), pixels, of a drawn eye in a picture (S, S, 3) 0..1 that is much higher
    than the ring of its landmarks (N, 2), pixels; None of others. unit: pixels between the eyes' outer corners.
    """
    low, high = ring.min(0), ring.max(0)
    middle = (low + high) / 2
    top, left = np.maximum(np.round(middle - unit * np.array([SEARCH_ACROSS, SEARCH_ABOVE])), 0).astype(int)[::-1]
    bottom, right = np.round(middle + unit * np.array([SEARCH_ACROSS, SEARCH_BELOW])).astype(int)[::-1]
    cheek_x, cheek_y = np.round(middle + np.array([0, CHEEK * unit])).astype(int)
    half = max(1, round(CHEEK_HALF * unit))
    cheek = rgb[max(cheek_y - half, 0) : cheek_y + half + 1, max(cheek_x - half, 0) : cheek_x + half + 1]
    around = rgb[top : bottom + 1, left : right + 1]
    if cheek.size == 0 or around.size == 0:
        return None
    skin = np.median(cheek.reshape(-1, 3), 0)
    other = (np.abs(around - skin).max(-1) > SKIN_DIFFERENCE).astype(np.uint8)
    _, labels = cv2.connectedComponents(other, connectivity=4)
    first, last = (np.clip(np.round(edge).astype(int) - (left, top), 0, None) for edge in (low, high))
    own = np.unique(labels[first[1] : last[1] + 1, first[0] : last[0] + 1])
    rows, columns = np.nonzero(np.isin(labels, own[own > 0]))
    if not len(rows):
        return None
    begin, end = (np.array([left, top]) + np.array([edge(columns), edge(rows)]) for edge in (np.min, np.max))
    growth = float(end[1] - begin[1]) / max(float(high[1] - low[1]), 1.0)
    touches = rows.min() == 0 or rows.max() == labels.shape[0] - 1
    if touches or not MIN_GROWTH < growth < MAX_GROWTH:
        return None
    return np.stack([begin, end]).astype(np.float32)
