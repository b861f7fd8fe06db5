"""The skin's tracker on textures whose motion is known, with wrong landmarks, and on what it must not believe."""

import cv2
import numpy as np
import pytest

from models.geometry.topology import MESH, topology
from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.image_points import to_camera_units, to_pixels
from streamer.tracking.motion import face_size
from streamer.tracking.skin_tracker import LIVE_SIDE, OFFLINE_SIDE, UNMATCHED_S, SkinTracker
from tests.support.textures import blots, rgb

WIDTH, HEIGHT = 640, 480
STEP = 1 / 25
INSIDE = np.setdiff1d(np.arange(MESH), topology().oval.numpy())


def person(size=0.3):
    """Somebody's landmarks in the middle of the frame, camera units."""
    return (CANONICAL * size + np.array([0, 0.02, 0])).astype(np.float32)


def texture(seed=0):
    return blots(HEIGHT, WIDTH, 8, seed)


def bent(grey, face, matrix, wave):
    """Picture and landmarks after an affine map about the middle and a smooth wave of a few pixels."""
    middle = np.array([WIDTH - 1, HEIGHT - 1]) / 2

    def there(points):
        """Where points (…, 2) of the new picture come from."""
        back = (points - middle) @ np.linalg.inv(matrix).T + middle
        return back + wave * np.stack([np.sin(back[..., 1] / 40), np.cos(back[..., 0] / 50)], -1)

    grid = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1).astype(np.float64)
    picture = cv2.remap(grey, there(grid).astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    goal = to_pixels(face[:, :2], picture.shape)
    points = goal.astype(np.float64)
    for _ in range(20):
        points = points + (goal - there(points)) @ matrix.T
    return picture, np.concatenate([to_camera_units(points, picture.shape), face[:, 2:]], 1).astype(np.float32)


def wrong(face, seed=0, size=0.02):
    """Landmarks off by `size` eye distances, neighbours alike, as a tracker errs."""
    rng = np.random.default_rng(seed)
    towards, phase = rng.normal(0, 3, (2, 3, 2)), rng.uniform(0, 7, (2, 3))
    waves = [sum(np.sin(CANONICAL[:, :2] @ towards[axis, k] + phase[axis, k]) for k in range(3)) for axis in (0, 1)]
    off = np.stack([*waves, np.zeros(len(face))], -1) / 1.7
    return (face + size * face_size(face) * off).astype(np.float32)


def miss(face, true):
    """Mean distance of the mesh's landmarks, in eye distances."""
    return float(np.linalg.norm((face - true)[INSIDE, :2], axis=1).mean()) / face_size(true)


def turned(angle, growth=1.0, squeeze=1.0):
    cosine, sine = np.cos(angle) * growth, np.sin(angle) * growth
    return np.array([[cosine * squeeze, -sine], [sine * squeeze, cosine]])


def test_the_keyframes_landmarks_are_its_own():
    face = person()
    np.testing.assert_array_equal(SkinTracker().track(rgb(texture()), 0.0, face, 1.0), face)


@pytest.mark.parametrize("side", [LIVE_SIDE, OFFLINE_SIDE])
@pytest.mark.parametrize(
    ("matrix", "wave"),
    [(turned(0), 0), (turned(0.2), 0), (turned(0, 1.25), 0), (turned(-0.1, 0.85, 0.9), 1.5), (turned(0), 2.5)],
)
def test_wrong_landmarks_come_nearer_to_their_skin(matrix, wave, side):
    tracker, grey, face = SkinTracker(side), texture(), person()
    tracker.track(rgb(grey), 0.0, face, 1.0)
    picture, true = bent(grey, face, matrix, wave)
    given = wrong(true)
    found = tracker.track(rgb(picture), STEP, given, 1.0)
    assert miss(found, true) < 0.3 * miss(given, true)
    np.testing.assert_array_equal(found[:, 2], given[:, 2])


def test_the_square_may_be_smaller_or_larger_than_the_face():
    for size in (0.1, 0.5):
        tracker, grey, face = SkinTracker(), texture(), person(size)
        tracker.track(rgb(grey), 0.0, face, 1.0)
        picture, true = bent(grey, face, turned(0.05), 0)
        given = wrong(true)
        assert miss(tracker.track(rgb(picture), STEP, given, 1.0), true) < 0.65 * miss(given, true)


def test_light_may_change():
    tracker, grey, face = SkinTracker(), texture(), person()
    tracker.track(rgb(grey), 0.0, face, 1.0)
    picture, true = bent(grey, face, turned(0.1), 0)
    lit = np.clip(picture * np.linspace(0.4, 1.0, WIDTH)[None] + 20, 0, 255).astype(np.uint8)
    given = wrong(true)
    assert miss(tracker.track(rgb(lit), STEP, given, 1.0), true) < 0.4 * miss(given, true)


def test_nothing_drifts():
    tracker, grey, face = SkinTracker(), texture(), person()
    tracker.track(rgb(grey), 0.0, face, 1.0)
    for i in range(1, 60):
        picture, true = bent(grey, face, turned(0.1 * np.sin(i / 9)), 0)
        found = tracker.track(rgb(picture), i * STEP, wrong(true, seed=i), 1.0)
        assert miss(found, true) < 0.008


@pytest.mark.parametrize("picture", [texture(seed=1), np.full((HEIGHT, WIDTH), 90, np.uint8)])
def test_strange_or_plain_pictures_change_nothing(picture):
    tracker, face = SkinTracker(), person()
    tracker.track(rgb(texture()), 0.0, face, 1.0)
    given = wrong(face)
    np.testing.assert_allclose(tracker.track(rgb(picture), STEP, given, 1.0), given, atol=1e-6)


def test_a_hand_before_the_chin_leaves_the_brows_to_be_corrected():
    tracker, grey, face = SkinTracker(), texture(), person()
    tracker.track(rgb(grey), 0.0, face, 1.0)
    given = wrong(face)
    hidden = grey.copy()
    hidden[int(to_pixels(face[[2], :2], grey.shape)[0, 1]) :] = 140
    off = np.linalg.norm((tracker.track(rgb(hidden), STEP, given, 1.0) - face)[:, :2], axis=1)
    brows = [105, 334, 66, 296]
    assert off[brows].mean() < 0.3 * np.linalg.norm((given - face)[brows, :2], axis=1).mean()


def test_only_a_face_to_be_believed_makes_a_keyframe():
    tracker, face = SkinTracker(), person()
    tracker.track(rgb(texture()), 0.0, face, 0.3)
    given = wrong(face)
    np.testing.assert_array_equal(tracker.track(rgb(texture()), STEP, given, 1.0), given)  # becomes it
    assert miss(tracker.track(rgb(texture()), 2 * STEP, face, 1.0), given) < 0.3 * miss(given, face)


def test_another_person_gets_a_keyframe_of_their_own():
    tracker, face = SkinTracker(), person()
    tracker.track(rgb(texture()), 0.0, face, 1.0)
    now = STEP
    while now < UNMATCHED_S + 3 * STEP:
        tracker.track(rgb(texture(seed=1)), now, face, 1.0)
        now += STEP
    given = wrong(face)
    assert miss(tracker.track(rgb(texture(seed=1)), now, given, 1.0), face) < 0.3 * miss(given, face)


def test_between_two_looks_the_landmarks_miss_as_much():
    tracker, grey, face = SkinTracker(interval=2), texture(), person()
    tracker.track(rgb(grey), 0.0, face, 1.0)
    given = wrong(face)
    off = tracker.track(rgb(grey), STEP, given, 1.0) - given
    blank = np.zeros_like(rgb(grey))
    moved = given + np.array([0.1, -0.05, 0], np.float32)
    np.testing.assert_allclose(tracker.track(blank, 2 * STEP, moved, 1.0) - moved, off, atol=1e-5)  # not looked at
    np.testing.assert_allclose(tracker.track(blank, 3 * STEP, moved, 1.0), moved, atol=1e-6)


def test_a_face_half_out_of_the_picture_is_no_trouble():
    tracker, grey, face = SkinTracker(), texture(), person()
    tracker.track(rgb(grey), 0.0, face, 1.0)
    away = face + np.array([1.0, 0.7, 0], np.float32)
    found = tracker.track(rgb(grey), STEP, away, 0.4)
    assert np.isfinite(found).all() and miss(found, away) < 0.05
