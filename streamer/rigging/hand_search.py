"""Finds the hands of a picture's person: MediaPipe's hands on crops around each wrist, and on their mirror images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.geometry.body import HAND_POINTS
from streamer.rigging.body_completion import FOREARM
from streamer.rigging.canvas import Array, Box, Canvas, picture_crop
from streamer.tracking.hand_tracker import AHEAD, ARMS
from streamer.tracking.mediapipe_models import camera_units, hands
from streamer.tracking.motion import CONFIDENCE, MIN_VISIBILITY, VISIBILITY

HAND_SIDE = 256  # pixels of a crop on which the hand model runs; its detector takes 192
# Half side of the crop, in forearms, and whether it is mirrored. The second pair is tried where the first finds nothing
# in one of the two.
LOOKS = ((0.6, False), (1.0, True)), ((1.4, False), (2.0, True))
SHORTEST = 0.8  # usual forearms; one that looks shorter points at the camera, and its hand is not smaller
MAX_WRIST_DISTANCE = 0.6  # forearms between the pose's wrist and that of a hand that belongs to it
HAND_EXTENT = (0.2, 1.3)  # forearms, from the wrist to the farthest point
WRONG_SIDE = 0.1  # forearms that a hand of the other side counts as farther away
SAME_HAND = 0.2  # forearms, mean distance of the points of two hands up to which they are one


@dataclass(frozen=True)
class _Hand:
    """points: (21, 3), canvas units, z relative to the wrist. side: 0 left, 1 right, as it looks. score: 0..1."""

    points: Array
    side: int
    score: float

    @property
    def extent(self) -> float:
        """From the wrist to the farthest point, canvas units."""
        return float(np.linalg.norm(self.points[:, :2] - self.points[0, :2], axis=1).max())

    def distance(self, other: _Hand) -> float:
        return float(np.linalg.norm(self.points[:, :2] - other.points[:, :2], axis=1).mean())


@dataclass(frozen=True)
class _Place:
    """Where a hand is expected. wrist: (2,), of the pose. side: 0 left, 1 right. forearm: its length, canvas units."""

    wrist: Array
    side: int
    forearm: float

    def cost(self, hand: _Hand) -> float:
        """How ill a hand fits, forearms."""
        distance = float(np.linalg.norm(hand.points[0, :2] - self.wrist))
        return distance / self.forearm + WRONG_SIDE * (hand.side != self.side)

    def nearest(self, seen: list[_Hand]) -> _Hand | None:
        """The one that belongs here; None where none does."""
        near = [
            hand
            for hand in seen
            if HAND_EXTENT[0] < hand.extent / self.forearm < HAND_EXTENT[1]
            and np.linalg.norm(hand.points[0, :2] - self.wrist) < MAX_WRIST_DISTANCE * self.forearm
        ]
        return min(near, key=self.cost, default=None)


def find_hands(canvas: Canvas, body: Array, size: float) -> Array:
    """(2, 21, 4) points of the left and of the right hand: x, y, z in canvas units, confidence; 0 where none is found.

    body: (33, 4) joints; a hand is looked for where its wrist is visible. size: the body's shoulder width, canvas
    units.
    """
    found = np.zeros((2, HAND_POINTS, 4), np.float32)
    visible = [side for side, joints in enumerate(ARMS) if body[joints[1], VISIBILITY] > MIN_VISIBILITY]
    if not visible:
        return found
    chosen: dict[int, tuple[_Hand, float]] = {}
    with hands.Hands(static_image_mode=True, model_complexity=1, max_num_hands=2) as model:
        for side in visible:
            elbow, wrist, *fingers = (body[joint, :2] for joint in ARMS[side])
            forearm = max(float(np.linalg.norm(wrist - elbow)), SHORTEST * FOREARM * size)
            middle = wrist + AHEAD * forearm * _direction(np.mean(fingers, 0) - wrist, wrist - elbow)
            place = _Place(wrist, side, forearm)
            candidates = _look(model, canvas, (float(middle[0]), float(middle[1])), place)
            if candidates:
                chosen[side] = _agreed(candidates, place)
    if len(chosen) == 2 and chosen[0][0].distance(chosen[1][0]) < SAME_HAND * FOREARM * size:
        del chosen[int(chosen[1][1] > chosen[0][1])]  # one hand was taken for both
    for side, (hand, _) in chosen.items():
        found[side, :, :3], found[side, :, CONFIDENCE] = hand.points, hand.score
        found[side, :, 2] += body[ARMS[side][1], 2]
    return found


def _look(model: Any, canvas: Canvas, middle: tuple[float, float], place: _Place) -> list[_Hand]:
    """The hands that belong to a place, from looks around a middle."""
    candidates: list[_Hand] = []
    for looks in LOOKS:
        for half, mirrored in looks:
            hand = place.nearest(_detect(model, canvas, (*middle, half * place.forearm), mirrored))
            if hand is not None:
                candidates.append(hand)
        if len(candidates) >= len(looks):
            break
    return candidates


def _agreed(candidates: list[_Hand], place: _Place) -> tuple[_Hand, float]:
    """The mean of the hands that look like the nearest one, and how ill that one fits."""
    best = min(candidates, key=place.cost)
    same = [hand for hand in candidates if hand.distance(best) < SAME_HAND * place.forearm]
    score = float(np.mean([hand.score for hand in same])) * len(same) / len(candidates)
    return _Hand(np.mean([hand.points for hand in same], 0), best.side, score), place.cost(best)


def _detect(model: Any, canvas: Canvas, box: Box, mirrored: bool) -> list[_Hand]:
    """The hands in a box of the canvas; mirrored: seen in its mirror image."""
    shown = picture_crop(canvas, box, HAND_SIDE)
    if shown is None:
        return []
    pixels, (x, y, half) = shown
    result = model.process(np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels)
    found = []
    for landmarks, sides in zip(result.multi_hand_landmarks or [], result.multi_handedness or [], strict=True):
        points = camera_units(landmarks.landmark, pixels.shape) * half
        if mirrored:
            points[:, 0] *= -1
        points[:, :2] += np.array([x, y], np.float32)
        # MediaPipe takes every picture for a mirror image, so it calls the left hand right.
        handedness = sides.classification[0]
        found.append(_Hand(points, int((handedness.label == "Left") != mirrored), handedness.score))
    return found


def _direction(vector: Array, otherwise: Array) -> Array:
    """The unit vector (2,) along a vector, or along the other one where it is too short to have a direction."""
    vector = vector if np.linalg.norm(vector) > 1e-3 else otherwise
    return vector / max(float(np.linalg.norm(vector)), 1e-6)
