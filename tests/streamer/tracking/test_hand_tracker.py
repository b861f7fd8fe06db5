"""The driver's hands are searched for around their wrists, and belong to them."""

from typing import Any

import numpy as np
import pytest

from models.geometry.body import (
    LEFT_ELBOW,
    LEFT_INDEX,
    LEFT_PINKY,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_SHOULDER,
)
from streamer.tracking import hand_tracker
from streamer.tracking.hand_tracker import AHEAD, CROP_REACH, HandTracker
from streamer.tracking.motion import CONFIDENCE, VISIBILITY, Array
from tests.support.skeletons import landmark_list

FRAME = np.zeros((360, 640, 3), np.uint8)
FOREARM = 0.4


def driver() -> Array:
    """Joints (33, 4) of whom the left forearm, of length `FOREARM`, is seen, and points down."""
    body = np.zeros((33, 4), np.float32)
    body[LEFT_SHOULDER, :2], body[RIGHT_SHOULDER, :2] = (0.2, -0.3), (-0.2, -0.3)
    body[LEFT_ELBOW, :2], body[LEFT_WRIST, :3] = (0.3, -0.3), (0.3, -0.3 + FOREARM, 0.05)
    body[[LEFT_INDEX, LEFT_PINKY], :2] = (0.3, 0.2)
    body[[LEFT_ELBOW, LEFT_WRIST], VISIBILITY] = 1
    return body


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Points (21, 3) across a crop, 0..1, that MediaPipe answers to every one; none if left empty."""
    points: list[np.ndarray] = []

    class Model:
        def __init__(self, **_: Any) -> None:
            pass

        def process(self, crop: np.ndarray) -> Any:
            told = type("Handedness", (), {"classification": [type("Told", (), {"label": "Left", "score": 0.9})]})
            found = [landmark_list((each - (0.5, 0.5, 0)) * 2, (1, 1)) for each in points]
            return type("Result", (), {"multi_hand_landmarks": found, "multi_handedness": [told] * len(found)})

        def close(self) -> None:
            pass

    monkeypatch.setattr(hand_tracker.hands, "Hands", Model)
    return points


def wrist_in_crop() -> np.ndarray:
    return np.array([0.5, 0.5 - AHEAD / (2 * CROP_REACH)])


def test_points_of_a_crop_come_back_in_camera_units(answers: list[np.ndarray]) -> None:
    hand = np.zeros((21, 3), np.float32)
    hand[:, :2] = wrist_in_crop()
    hand[9, 1] += 0.25  # a quarter of a crop, which is two CROP_REACH forearms wide
    hand[9, 2] = -0.1
    answers.append(hand)
    found = HandTracker().track(FRAME, driver())
    assert (found[0, :, CONFIDENCE] == np.float32(0.9)).all() and not found[1].any()
    np.testing.assert_allclose(found[0, 0, :3], driver()[LEFT_WRIST, :3], atol=0.005)
    np.testing.assert_allclose(found[0, 9, 1] - found[0, 0, 1], 0.25 * 2 * CROP_REACH * FOREARM, atol=1e-3)
    np.testing.assert_allclose(found[0, 9, 2] - found[0, 0, 2], -0.1 * 2 * CROP_REACH * FOREARM, atol=1e-3)


def test_a_hand_far_from_the_wrist_is_another_one(answers: list[np.ndarray]) -> None:
    hand = np.zeros((21, 3), np.float32)
    hand[:, :2] = wrist_in_crop() + np.array([0.35, 0])
    answers.append(hand)
    assert not HandTracker().track(FRAME, driver()).any()


def test_no_hand_is_found_where_no_wrist_is_seen(answers: list[np.ndarray]) -> None:
    answers.append(np.full((21, 3), 0.5, np.float32))
    body = driver()
    body[:, VISIBILITY] = 0
    assert not HandTracker().track(FRAME, body).any()
