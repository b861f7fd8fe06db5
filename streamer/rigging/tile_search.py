"""Finds small faces in large pictures: a face detector on overlapping tiles of ever smaller size, in all four turns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np

from streamer.frames import Image
from streamer.rigging.orientation import EVERY_TURN
from streamer.rigging.picture import turned_place
from streamer.tracking.mediapipe_models import face_detection

TILE_PIXELS = 192  # that the detector takes
MIN_TILE_SIDE = 320  # pixels of the picture; smaller ones hold no face that could be animated
TILE_STEP = 0.7  # sides from one tile to the next
MAX_LEVELS = 4  # sizes of tiles, each half as large as the one before
SURE = 0.75  # score from which a detection counts; wrongly turned faces stay below
FLAT = 3.0  # standard deviation of the pixels of a tile, 0..255, below which it shows nothing


class Spot(NamedTuple):
    """Where a face may be: centre and half side of its square in pixels, and the detector's score."""

    x: float
    y: float
    half: float
    score: float


def find_small_faces(rgba: Image) -> tuple[int, list[Spot]]:
    """Quarter turns counter-clockwise of a picture (H, W, 4), and where faces are in the turned picture, the surest
    first; none where there are none.
    """
    with face_detection.FaceDetection(model_selection=1, min_detection_confidence=SURE) as detector:
        for side in _sides(rgba.shape[0], rgba.shape[1]):
            found = _spots(detector, rgba, side)
            scores = [max((spot.score for spot in spots), default=0.0) for spots in found]
            best = int(np.argmax(scores))
            if found[best]:
                return best, _distinct(found[best])
    return 0, []


def _sides(height: int, width: int) -> Iterator[int]:
    """Sides of the tiles of each size, pixels; the whole picture has been searched before."""
    side = min(height, width, -(-max(height, width) // 2))
    for _ in range(MAX_LEVELS):
        yield side
        side //= 2
        if side < MIN_TILE_SIDE:
            return


def _spots(detector: Any, rgba: Image, side: int) -> list[list[Spot]]:
    """What the detector finds in tiles of one size, in each of the four turns, on the turned picture."""
    found: list[list[Spot]] = [[] for _ in EVERY_TURN]
    height, width = rgba.shape[:2]
    for top in _starts(height, side):
        for left in _starts(width, side):
            part = rgba[top : top + side, left : left + side]
            tile = cv2.resize(part, (TILE_PIXELS, TILE_PIXELS), interpolation=cv2.INTER_AREA)
            share = tile[..., 3:] / np.float32(255)
            rgb = (tile[..., :3] * share + 255 * (1 - share)).astype(np.uint8)
            if rgb.std() < FLAT:
                continue
            for turns in EVERY_TURN:
                for face in detector.process(np.ascontiguousarray(np.rot90(rgb, turns))).detections or []:
                    box = face.location_data.relative_bounding_box
                    middle = (box.xmin + box.width / 2) * side, (box.ymin + box.height / 2) * side
                    x, y = turned_place(middle, -turns % 4, side, side)
                    place = turned_place((left + x, top + y), turns, width, height)
                    found[turns].append(Spot(*place, max(box.width, box.height) * side / 2, float(face.score[0])))
    return found


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin that cover a length, the last one at its end."""
    count = 1 + max(0, -(-(length - side) // max(1, round(TILE_STEP * side))))
    return [round(index * (length - side) / max(1, count - 1)) for index in range(count)]


def _distinct(spots: list[Spot]) -> list[Spot]:
    """The surest of the spots that lie on one place."""
    distinct: list[Spot] = []
    for spot in sorted(spots, key=lambda each: each.score, reverse=True):
        if all(np.hypot(spot.x - other.x, spot.y - other.y) > max(spot.half, other.half) for other in distinct):
            distinct.append(spot)
    return distinct
