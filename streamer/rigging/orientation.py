"""Which side of a picture is up: a face detector is surest of a face that is upright.

The face mesh follows faces that lie on their side, but takes an upside-down face for an upright one, with the mouth on
the forehead. The detectors under it were trained on upright faces; docs/decisions/rigging.md has their scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from streamer.frames import Image
from streamer.rigging.canvas import Array, Canvas, crop
from streamer.rigging.face_search import face_extent
from streamer.tracking.head_pose import head_pose
from streamer.tracking.mediapipe_models import face_detection

EVERY_TURN = (0, 1, 2, 3)  # quarters counter-clockwise
CROP_SIDE = 256  # pixels of the face and what is around it; the detectors take 192 and 128
CROP_MARGIN = 1.2  # half side of the crop over the extent of the face
LEVEL = 45.0  # degrees of roll up to which the mesh's face can only be upright or upside down
# Sums of both detectors' scores: of upright faces 1.3 and more were measured, of those turned to the side 0.8 and more,
# of what is no face 0, and of faces that are upside down 0.7 to 1.5, but 0.3 less than after the turn.
TURN_SCORE, TURN_MARGIN = 1.45, 0.25  # of a turned face, and by how much it must exceed that of the picture as it is
FACE_SCORE = 0.6  # from which something is a face at all
MAX_ASIDE, MIN_FILLED = 0.25, 0.35  # place and size of a face that fills a picture, shares of its side


def turns_of_face(canvas: Canvas, face: Array) -> tuple[int | None, float]:
    """Quarter turns counter-clockwise after which a picture's face (478, 3), canvas units, is upright, 0 for most, and
    how sure the detectors are of it then, 0..2.

    None where they take it for no face at all.
    """
    centre = (face[:, :2].max(0) + face[:, :2].min(0)) / 2
    pixels = crop(canvas.full, (float(centre[0]), float(centre[1]), CROP_MARGIN * face_extent(face)), CROP_SIDE)
    turns = (0, 2) if abs(roll_of(face)) < LEVEL else EVERY_TURN
    scores = turn_scores(pixels, turns, filling=True)
    best = int(np.argmax(scores))
    if best and scores[best] > max(TURN_SCORE, scores[0] + TURN_MARGIN):
        return turns[best], scores[best]
    return (0 if scores[0] > FACE_SCORE else None), scores[0]


def turn_scores(pixels: Image, turns: Sequence[int] = EVERY_TURN, filling: bool = False) -> list[float]:
    """How sure two detectors are, 0..2, of an upright face in a picture (H, W, 3) after each of these quarter turns.

    filling: count only a face that fills the picture, and no other one within it.
    """
    scores = [0.0] * len(turns)
    for model in (0, 1):
        with face_detection.FaceDetection(model_selection=model, min_detection_confidence=0.3) as detector:
            for index, quarters in enumerate(turns):
                found = detector.process(np.ascontiguousarray(np.rot90(pixels, quarters))).detections or []
                counted = [float(each.score[0]) for each in found if not filling or _fills(each)]
                scores[index] += max(counted, default=0.0)
    return scores


def _fills(detection: Any) -> bool:
    """Whether a detection of MediaPipe is in the middle of its picture and about as large."""
    box = detection.location_data.relative_bounding_box
    aside = np.hypot(box.xmin + box.width / 2 - 0.5, box.ymin + box.height / 2 - 0.5)
    return bool(aside < MAX_ASIDE and max(box.width, box.height) > MIN_FILLED)


def roll_of(face: Array) -> float:
    """Degrees by which a face (478, 3) is turned clockwise in the picture's plane, -180..180."""
    down = head_pose(face).rotation[:, 1]
    return float(np.degrees(np.arctan2(-down[0], down[1])))
