"""The driver's hands, each searched for around its wrist: in whole frames most are too small for the detector."""

from __future__ import annotations

import cv2
import numpy as np

from models.geometry.body import (
    HAND_POINTS,
    LEFT_ELBOW,
    LEFT_INDEX,
    LEFT_PINKY,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ELBOW,
    RIGHT_INDEX,
    RIGHT_PINKY,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)
from streamer.frames import Image
from streamer.tracking.image_points import to_camera_units, to_pixels
from streamer.tracking.mediapipe_models import hands
from streamer.tracking.motion import CONFIDENCE, MIN_VISIBILITY, VISIBILITY, Array

ARMS = (  # elbow, wrist, and the joints of the hand, in the order of `Motion.hands`
    (LEFT_ELBOW, LEFT_WRIST, LEFT_INDEX, LEFT_PINKY),
    (RIGHT_ELBOW, RIGHT_WRIST, RIGHT_INDEX, RIGHT_PINKY),
)
CROP_SIDE = 256  # pixels; the detector takes 192
CROP_REACH = 0.85  # half side of a crop, in forearms
AHEAD = 0.35  # forearms from the wrist towards the fingers to the middle of a crop
SHORTEST_FOREARM = 0.4  # over the distance of the shoulders, of one that points at the camera
MAX_WRIST_DISTANCE = 0.4  # forearms between the pose's wrist and that of its hand; farther away is another hand
MIN_DETECTION = 0.3  # score of the detector: a crop around a wrist shows a hand, if anything


class HandTracker:
    """Measures the hands whose wrists are visible. Runs in the caller's thread."""

    def __init__(self) -> None:
        self._models = [
            hands.Hands(model_complexity=0, max_num_hands=1, min_detection_confidence=MIN_DETECTION) for _ in ARMS
        ]

    def close(self) -> None:
        """Release the models."""
        for model in self._models:
            model.close()

    def track(self, rgb: Image, body: Array) -> Array:
        """(2, 21, 4) points in camera units and confidence, as `Motion.hands`, of a frame (H, W, 3) with joints body
        (33, 4).
        """
        found = np.zeros((2, HAND_POINTS, 4), np.float32)
        joints = to_pixels(body[:, :2], rgb.shape)
        shortest = SHORTEST_FOREARM * float(np.linalg.norm(joints[LEFT_SHOULDER] - joints[RIGHT_SHOULDER]))
        for side, (elbow, wrist, *fingers) in enumerate(ARMS):
            if body[wrist, VISIBILITY] <= MIN_VISIBILITY:
                continue
            forearm = max(float(np.linalg.norm(joints[wrist] - joints[elbow])), shortest, 1.0)
            ahead = joints[fingers].mean(0) - joints[wrist]
            middle = joints[wrist] + AHEAD * forearm * ahead / max(float(np.linalg.norm(ahead)), 1e-3)
            scale, half = CROP_SIDE / (2 * CROP_REACH * forearm), CROP_SIDE / 2
            shift = half - 0.5 - scale * middle
            to_crop = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
            crop = cv2.warpAffine(rgb, to_crop, (CROP_SIDE, CROP_SIDE), borderMode=cv2.BORDER_REPLICATE)
            result = self._models[side].process(crop)
            for landmarks, handedness in zip(
                result.multi_hand_landmarks or [], result.multi_handedness or [], strict=True
            ):
                points = np.array([(point.x, point.y, point.z) for point in landmarks.landmark], np.float32) * CROP_SIDE
                places = (points[:, :2] - 0.5 - shift) / scale
                if np.linalg.norm(places[0] - joints[wrist]) > MAX_WRIST_DISTANCE * forearm:
                    continue
                found[side, :, :2] = to_camera_units(places, rgb.shape)
                # MediaPipe's z of a hand is relative to its wrist.
                found[side, :, 2] = points[:, 2] / (scale * max(rgb.shape[:2]) / 2) + body[wrist, 2]
                found[side, :, CONFIDENCE] = handedness.classification[0].score
        return found
