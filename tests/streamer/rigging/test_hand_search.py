"""Hands are found around visible wrists, and belong to them."""

from typing import Any

import numpy as np
import pytest

from models.geometry.body import LEFT_WRIST, RIGHT_WRIST
from streamer.rigging import hand_search
from streamer.rigging.hand_search import find_hands
from streamer.tracking.motion import CONFIDENCE, VISIBILITY
from tests.support.skeletons import WIDTH, grey_canvas, landmark_list, standing

LEFT, RIGHT = 0, 1


class Hand:
    """MediaPipe's answer for one hand of which the wrist lies at a place (2,) of the canvas, fingers below it."""

    def __init__(self, place: np.ndarray, side: int, score: float = 0.9) -> None:
        self.points = np.zeros((21, 3), np.float32)
        self.points[:, :2] = place + np.stack([np.zeros(21), np.linspace(0, 0.12, 21)], 1)
        self.side, self.score = side, score


class Handedness:
    def __init__(self, label: str, score: float) -> None:
        self.classification = [type("Told", (), {"label": label, "score": score})]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Hand]:
    """The hands of the picture; the stub finds those whose wrists lie in a crop."""
    hands: list[Hand] = []

    class StubModel:
        def __init__(self, **_: object) -> None:
            self.box, self.mirrored = (0.0, 0.0, 1.0), False

        def __enter__(self) -> "StubModel":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def process(self, pixels: np.ndarray) -> Any:
            x, y, half = box[0]
            mirrored = bool(pixels[0, 0, 0] > pixels[0, -1, 0])
            answer: Any = type("Answer", (), {"multi_hand_landmarks": [], "multi_handedness": []})
            for hand in hands:
                points = (hand.points - (x, y, 0)) / half
                if np.abs(points[0, :2]).max() > 1:
                    continue
                points[:, 0] *= -1 if mirrored else 1
                answer.multi_hand_landmarks.append(landmark_list(points, pixels.shape[:2]))
                label = "Right" if (hand.side == LEFT) != mirrored else "Left"
                answer.multi_handedness.append(Handedness(label, hand.score))
            return answer

    box = [(0.0, 0.0, 1.0)]

    def ramp(_canvas: object, wanted: tuple[float, float, float], side: int) -> Any:
        box[0] = wanted
        return np.broadcast_to(np.linspace(0, 255, side, dtype=np.uint8)[None, :, None], (side, side, 3)), wanted

    monkeypatch.setattr(hand_search, "picture_crop", ramp)
    monkeypatch.setattr(hand_search.hands, "Hands", StubModel)
    return hands


def wrist(side: int) -> np.ndarray:
    return standing()[(LEFT_WRIST, RIGHT_WRIST)[side], :2]


def test_find_hands_gives_each_wrist_its_hand(shown: list[Hand]) -> None:
    shown.extend([Hand(wrist(RIGHT) + 0.01, RIGHT, 0.8), Hand(wrist(LEFT), LEFT)])
    body = standing()
    body[LEFT_WRIST, 2] = 0.25
    found = find_hands(grey_canvas(), body, WIDTH)
    np.testing.assert_allclose(found[LEFT, :, :2], shown[1].points[:, :2], atol=1e-5)
    np.testing.assert_allclose(found[RIGHT, :, :2], shown[0].points[:, :2], atol=1e-5)
    assert found[LEFT, :, 2].tolist() == pytest.approx([0.25] * 21)
    assert found[:, 0, CONFIDENCE].tolist() == pytest.approx([0.9, 0.8])


def test_find_hands_prefers_the_hand_of_the_right_side(shown: list[Hand]) -> None:
    shown.extend([Hand(wrist(LEFT) + np.array([0.03, 0]), RIGHT), Hand(wrist(LEFT) - np.array([0.04, 0]), LEFT)])
    found = find_hands(grey_canvas(), standing(), WIDTH)
    np.testing.assert_allclose(found[LEFT, :, :2], shown[1].points[:, :2], atol=1e-5)


def test_find_hands_does_not_give_one_hand_to_two_wrists(shown: list[Hand]) -> None:
    body = standing()
    body[RIGHT_WRIST, :2] = wrist(LEFT) + np.array([0.05, 0])
    shown.append(Hand(wrist(LEFT), LEFT))
    found = find_hands(grey_canvas(), body, WIDTH)
    assert found[LEFT, 0, CONFIDENCE] > 0 and not found[RIGHT].any()


def test_find_hands_ignores_a_hand_far_from_the_wrist(shown: list[Hand]) -> None:
    shown.append(Hand(wrist(LEFT) + np.array([0.2, 0]), LEFT))
    assert not find_hands(grey_canvas(), standing(), WIDTH).any()


def test_find_hands_looks_for_none_where_no_wrist_is_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_search.hands, "Hands", None)
    body = standing()
    body[[LEFT_WRIST, RIGHT_WRIST], VISIBILITY] = 0
    assert not find_hands(grey_canvas(), body, WIDTH).any()
