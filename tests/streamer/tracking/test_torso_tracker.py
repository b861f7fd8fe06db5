"""The torso tracker on textures of known motion, and on pictures that it must ignore."""

import cv2
import numpy as np
import pytest

from models.geometry.body import LEFT_SHOULDER, RIGHT_SHOULDER, SHOULDERS
from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.motion import CONFIDENCE, KEYFRAME
from streamer.tracking.torso_tracker import TorsoTracker
from tests.support.textures import rgb, soft_noise

WIDTH, HEIGHT = 640, 360
NO_HANDS = np.zeros((2, 21, 4), np.float32)
STEP = 1 / 25  # seconds between frames


def person():
    """Face and body at the centre of the frame, shoulders half the frame's width apart."""
    face = (CANONICAL * 0.18 + np.array([0, -0.25, 0])).astype(np.float32)
    body = np.zeros((33, 4), np.float32)
    body[LEFT_SHOULDER], body[RIGHT_SHOULDER] = (0.45, 0.25, 0, 1), (-0.45, 0.25, 0, 1)
    return face, body


def texture(seed=0):
    return soft_noise(HEIGHT, WIDTH, 12, seed)


def moved(grey, shift=(0.0, 0.0), turn=0.0, growth=1.0):
    """The picture after a similarity about its centre; shift in pixels, turn in radians."""
    matrix = cv2.getRotationMatrix2D((WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5), -np.degrees(turn), growth)
    matrix[:, 2] += shift
    return cv2.warpAffine(grey, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def track(greys, tracker=None, body=None, hands=None, start=0):
    face, default_body = person()
    tracker = tracker or TorsoTracker()
    hands = hands or {}
    body = default_body if body is None else body
    return [
        tracker.track(rgb(grey), (start + i) * STEP, face, body, hands.get(i, NO_HANDS)) for i, grey in enumerate(greys)
    ]


def expected(points, shift=(0.0, 0.0), turn=0.0, growth=1.0):
    """Camera units after the similarity of `moved`."""
    cosine, sine = np.cos(turn) * growth, np.sin(turn) * growth
    return points @ np.array([[cosine, -sine], [sine, cosine]]).T + np.array(shift) / (WIDTH / 2)


def test_torso_tracker_starts_at_the_shoulders():
    torso = track([texture()])[0]
    np.testing.assert_allclose(torso[:, :2], person()[1][SHOULDERS, :2], atol=1e-5)
    assert torso[0, CONFIDENCE] > 0.8 and (torso[:, KEYFRAME] == 1).all()


@pytest.mark.parametrize(
    "last",
    [
        {"shift": (18.0, -7.0)},
        {"turn": 0.12},
        {"growth": 1.1},
        {"shift": (-9.0, 5.0), "turn": -0.07, "growth": 0.95},
    ],
)
def test_torso_tracker_finds_a_similarity_within_0_2_percent_of_the_shoulder_width(last):
    def part(share):
        values = {"shift": (0.0, 0.0), "turn": 0.0, "growth": 1.0} | last
        shift = tuple(v * share for v in values["shift"])
        return {"shift": shift, "turn": values["turn"] * share, "growth": values["growth"] ** share}

    parts = [part(i / 10) for i in range(11)]
    torsos = track([moved(texture(), **p) for p in parts])
    start = person()[1][SHOULDERS, :2]
    for torso, p in zip(torsos, parts, strict=True):
        np.testing.assert_allclose(torso[:, :2], expected(start, **p), atol=0.002 * 0.9)
    assert torsos[-1][0, CONFIDENCE] > 0.5


def test_torso_tracker_does_not_drift():
    """A path of many frames that ends where it began."""
    sway = [moved(texture(), (12 * np.sin(i / 8), 4 * np.sin(i / 5))) for i in range(100)]
    torsos = track([*sway, texture()])
    np.testing.assert_allclose(torsos[-1][:, :2], torsos[0][:, :2], atol=1e-3)


def test_torso_tracker_has_no_confidence_in_plain_clothes():
    plain = np.full((HEIGHT, WIDTH), 90, np.uint8)
    torsos = track([plain] * 5)
    assert all(torso[0, CONFIDENCE] == 0 for torso in torsos)


def test_torso_tracker_ignores_the_background():
    """A textured wall stands still around a torso that moves; corners on its outline belong to both."""
    wall, cloth = texture(1), texture(2)
    person_mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(person_mask, [np.array([[280, 130], [360, 130], [500, 205], [510, 360], [130, 360], [140, 205]])], 255)
    shifts = [(2.0 * i, 0.5 * i) for i in range(8)]
    frames = [np.where(moved(person_mask, shift) > 128, moved(cloth, shift), wall) for shift in shifts]
    torsos = track(frames)
    np.testing.assert_allclose(torsos[-1][:, :2], expected(person()[1][SHOULDERS, :2], shifts[-1]), atol=0.004)


def covering(body):
    """Both hands in front of the chest."""
    grid = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 7), np.linspace(0, 0.6, 3)), -1).reshape(-1, 2)
    hands = np.ones((2, 21, 4), np.float32)
    hands[:, :, :2] = grid
    return hands


def test_torso_tracker_keeps_its_position_and_loses_confidence_behind_hands():
    _, body = person()
    still = texture()
    dragged = [moved(still, (6.0 * i, 0)) for i in range(12)]  # the texture of the hands moves
    hidden = {i: covering(body) for i in range(12)}
    tracker = TorsoTracker()
    before = track([still] * 5, tracker)[-1]
    during = track(dragged, tracker, hands=hidden, start=5)
    assert during[-1][0, CONFIDENCE] < 0.1
    np.testing.assert_allclose(during[-1][:, :2], before[:, :2], atol=1e-4)
    after = track([still] * 10, tracker, start=17)[-1]
    assert after[0, CONFIDENCE] > 0.8 and after[0, KEYFRAME] == before[0, KEYFRAME]
    np.testing.assert_allclose(after[:, :2], before[:, :2], atol=2e-3)


def test_torso_tracker_fades_without_a_person_and_then_makes_a_new_keyframe():
    tracker = TorsoTracker()
    first = track([texture()] * 5, tracker)[-1]
    gone = [tracker.track(rgb(texture(5)), (5 + i) * STEP, None, None, NO_HANDS) for i in range(60)]
    assert gone[0][0, CONFIDENCE] > 0.3 and gone[-1][0, CONFIDENCE] < 0.01
    fresh = track([texture(5)] * 3, tracker, start=65)[-1]
    assert fresh[0, KEYFRAME] > first[0, KEYFRAME] and fresh[0, CONFIDENCE] > 0.5


def test_reset_drops_the_keyframe():
    tracker = TorsoTracker()
    track([texture()] * 3, tracker)
    tracker.reset()
    assert tracker.track(rgb(texture()), 1.0, None, None, NO_HANDS)[0, CONFIDENCE] == 0
    assert track([texture(3)], tracker, start=30)[0][0, KEYFRAME] == 2


def test_torso_tracker_restarts_when_the_frame_size_changes():
    tracker = TorsoTracker()
    face, body = person()
    track([texture()] * 3, tracker)
    tall = rgb(cv2.resize(texture(), (480, 480)))
    assert tracker.track(tall, 1.0, face, body, NO_HANDS)[0, KEYFRAME] == 2


def test_torso_tracker_is_deterministic():
    frames = [moved(texture(), (3.0 * i, 0)) for i in range(6)]
    np.testing.assert_array_equal(track(frames), track(frames))
