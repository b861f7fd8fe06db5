"""The torso's tracker on textures whose motion is known, and on what it must not believe."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.motion import Motion, blend
from streamer.tracking.smoothing import MotionFilter, smooth_both_ways
from streamer.tracking.torso_tracker import TorsoTracker
from tests.support.textures import blots, rgb

WIDTH, HEIGHT = 640, 360
NO_HANDS = np.zeros((2, 21, 4), np.float32)
STEP = 1 / 25


def person():
    """Face and body of somebody in the middle of the frame, shoulders half the frame's width apart."""
    face = (CANONICAL * 0.18 + np.array([0, -0.25, 0])).astype(np.float32)
    body = np.zeros((33, 4), np.float32)
    body[11], body[12] = (0.45, 0.25, 0, 1), (-0.45, 0.25, 0, 1)
    return face, body


def texture(seed=0):
    return blots(HEIGHT, WIDTH, 12, seed)


def moved(grey, shift=(0.0, 0.0), turn=0.0, growth=1.0):
    """The picture after a similarity about its middle; shift in pixels, turn in radians."""
    matrix = cv2.getRotationMatrix2D((WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5), -np.degrees(turn), growth)
    matrix[:, 2] += shift
    return cv2.warpAffine(grey, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def follow(greys, tracker=None, body=None, hands=None, start=0):
    face, usual = person()
    tracker = tracker or TorsoTracker()
    hands = hands or {}
    body = usual if body is None else body
    return [
        tracker.track(rgb(grey), (start + i) * STEP, face, body, hands.get(i, NO_HANDS)) for i, grey in enumerate(greys)
    ]


def expected(points, shift=(0.0, 0.0), turn=0.0, growth=1.0):
    """Camera units after the similarity of `moved`."""
    cosine, sine = np.cos(turn) * growth, np.sin(turn) * growth
    return points @ np.array([[cosine, -sine], [sine, cosine]]).T + np.array(shift) / (WIDTH / 2)


def test_the_first_frame_has_the_shoulders_themselves():
    torso = follow([texture()])[0]
    np.testing.assert_allclose(torso[:, :2], person()[1][11:13, :2], atol=1e-5)
    assert torso[0, 3] > 0.8 and (torso[:, 2] == 1).all()


@pytest.mark.parametrize(
    "last",
    [
        {"shift": (18.0, -7.0)},
        {"turn": 0.12},
        {"growth": 1.1},
        {"shift": (-9.0, 5.0), "turn": -0.07, "growth": 0.95},
    ],
)
def test_a_known_similarity_is_found_to_a_fifth_of_a_percent_of_the_shoulders(last):
    def part(share):
        values = {"shift": (0.0, 0.0), "turn": 0.0, "growth": 1.0} | last
        shift = tuple(v * share for v in values["shift"])
        return {"shift": shift, "turn": values["turn"] * share, "growth": values["growth"] ** share}

    parts = [part(i / 10) for i in range(11)]
    torsos = follow([moved(texture(), **p) for p in parts])
    start = person()[1][11:13, :2]
    for torso, p in zip(torsos, parts, strict=True):
        np.testing.assert_allclose(torso[:, :2], expected(start, **p), atol=0.002 * 0.9)
    assert torsos[-1][0, 3] > 0.5


def test_nothing_drifts():
    """A way of many frames that ends where it began."""
    sway = [moved(texture(), (12 * np.sin(i / 8), 4 * np.sin(i / 5))) for i in range(100)]
    torsos = follow([*sway, texture()])
    np.testing.assert_allclose(torsos[-1][:, :2], torsos[0][:, :2], atol=1e-3)


def test_clothes_without_texture_tell_nothing():
    plain = np.full((HEIGHT, WIDTH), 90, np.uint8)
    torsos = follow([plain] * 5)
    assert all(torso[0, 3] == 0 for torso in torsos)


def test_what_stands_beside_the_person_has_no_vote():
    """A textured wall stands still around a torso that moves; corners of its outline belong to both."""
    wall, cloth = texture(1), texture(2)
    person_mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(person_mask, [np.array([[280, 130], [360, 130], [500, 205], [510, 360], [130, 360], [140, 205]])], 255)
    shifts = [(2.0 * i, 0.5 * i) for i in range(8)]
    frames = [np.where(moved(person_mask, shift) > 128, moved(cloth, shift), wall) for shift in shifts]
    torsos = follow(frames)
    np.testing.assert_allclose(torsos[-1][:, :2], expected(person()[1][11:13, :2], shifts[-1]), atol=0.004)


def covering(body):
    """Both hands before the chest."""
    grid = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 7), np.linspace(0, 0.6, 3)), -1).reshape(-1, 2)
    hands = np.ones((2, 21, 4), np.float32)
    hands[:, :, :2] = grid
    return hands


def test_hands_before_the_chest_take_the_confidence_and_not_the_place():
    _, body = person()
    still = texture()
    dragged = [moved(still, (6.0 * i, 0)) for i in range(12)]  # what the hands show moves on
    hidden = {i: covering(body) for i in range(12)}
    tracker = TorsoTracker()
    before = follow([still] * 5, tracker)[-1]
    during = follow(dragged, tracker, hands=hidden, start=5)
    assert during[-1][0, 3] < 0.1
    np.testing.assert_allclose(during[-1][:, :2], before[:, :2], atol=1e-4)
    after = follow([still] * 10, tracker, start=17)[-1]
    assert after[0, 3] > 0.8 and after[0, 2] == before[0, 2]
    np.testing.assert_allclose(after[:, :2], before[:, :2], atol=2e-3)


def test_a_person_who_leaves_is_forgotten_slowly_and_another_keyframe_is_another():
    tracker = TorsoTracker()
    first = follow([texture()] * 5, tracker)[-1]
    gone = [tracker.track(rgb(texture(5)), (5 + i) * STEP, None, None, NO_HANDS) for i in range(60)]
    assert gone[0][0, 3] > 0.3 and gone[-1][0, 3] < 0.01
    fresh = follow([texture(5)] * 3, tracker, start=65)[-1]
    assert fresh[0, 2] > first[0, 2] and fresh[0, 3] > 0.5


def test_reset_forgets_the_keyframe():
    tracker = TorsoTracker()
    follow([texture()] * 3, tracker)
    tracker.reset()
    assert tracker.track(rgb(texture()), 1.0, None, None, NO_HANDS)[0, 3] == 0
    assert follow([texture(3)], tracker, start=30)[0][0, 2] == 2


def test_another_size_of_frame_begins_anew():
    tracker = TorsoTracker()
    face, body = person()
    follow([texture()] * 3, tracker)
    tall = rgb(cv2.resize(texture(), (480, 480)))
    assert tracker.track(tall, 1.0, face, body, NO_HANDS)[0, 2] == 2


def test_twice_the_same_run_gives_the_same_answer():
    frames = [moved(texture(), (3.0 * i, 0)) for i in range(6)]
    np.testing.assert_array_equal(follow(frames), follow(frames))


def with_torso(x, key=1.0, confidence=1.0, captured=0.0):
    torso = np.array([[x + 0.4, 0.3, key, confidence], [x - 0.4, 0.3, key, confidence]], np.float32)
    return replace(Motion.still(CANONICAL, captured=captured), torso=torso)


def test_a_mirror_swaps_the_shoulders_and_twice_is_the_identity():
    motion = with_torso(0.1)
    mirrored = motion.mirrored().torso
    np.testing.assert_allclose(mirrored[:, :2], [[0.3, 0.3], [-0.5, 0.3]], atol=1e-6)
    np.testing.assert_array_equal(mirrored[:, 2:], motion.torso[:, 2:])
    np.testing.assert_array_equal(motion.mirrored().mirrored().torso, motion.torso)


def test_blending_goes_between_torsos_of_one_keyframe_and_fades_what_one_side_lacks():
    half = blend(with_torso(0.0), with_torso(0.2), 0.5).torso
    np.testing.assert_allclose(half[:, 0], [0.5, -0.3], atol=1e-6)
    unseen = Motion.still(CANONICAL)
    for a, b, confidence in ((with_torso(0.2), unseen, 0.75), (unseen, with_torso(0.2), 0.25)):
        torso = blend(a, b, 0.25).torso
        np.testing.assert_allclose(torso[:, :3], with_torso(0.2).torso[:, :3])
        np.testing.assert_allclose(torso[:, 3], confidence)
    np.testing.assert_array_equal(blend(with_torso(0, key=1), with_torso(0.2, key=2), 1.0).torso[:, 2], [2, 2])


def test_a_new_keyframe_is_not_smoothed_from_the_old_one():
    motions = [with_torso(0.0 if i < 10 else 0.3, 1.0 if i < 10 else 2.0, captured=i * STEP) for i in range(20)]
    filters = MotionFilter()
    for given, out in zip(motions, [filters(motion) for motion in motions], strict=True):
        np.testing.assert_allclose(out.torso, given.torso, atol=1e-6)
    for given, out in zip(motions, smooth_both_ways(motions), strict=True):
        np.testing.assert_allclose(out.torso, given.torso, atol=1e-6)
