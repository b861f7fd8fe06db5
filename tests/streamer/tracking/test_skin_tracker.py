"""The skin tracker on textures of known motion with wrong landmarks, and on pictures that it must ignore."""

import cv2
import numpy as np
import pytest

from models.geometry.topology import LEFT_BROW_MIDDLE, MESH, RIGHT_BROW_MIDDLE, topology
from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.image_points import to_camera_units, to_pixels
from streamer.tracking.motion import face_size
from streamer.tracking.skin_tracker import LIVE_SIDE, OFFLINE_SIDE, UNMATCHED_S, SkinTracker
from tests.support.textures import rgb, soft_noise

WIDTH, HEIGHT = 640, 480
BELOW_NOSE = 2  # landmark
STEP = 1 / 25
INSIDE = np.setdiff1d(np.arange(MESH), topology().oval.numpy())


def person(size=0.3):
    """Landmarks at the centre of the frame, camera units."""
    return (CANONICAL * size + np.array([0, 0.02, 0])).astype(np.float32)


def texture(seed=0):
    return soft_noise(HEIGHT, WIDTH, 8, seed)


def bent(grey, face, matrix, wave):
    """Picture and landmarks after an affine map about the centre and a smooth wave of a few pixels."""
    centre = np.array([WIDTH - 1, HEIGHT - 1]) / 2

    def source_of(points):
        """Positions in the old picture of points (…, 2) in the new one."""
        back = (points - centre) @ np.linalg.inv(matrix).T + centre
        return back + wave * np.stack([np.sin(back[..., 1] / 40), np.cos(back[..., 0] / 50)], -1)

    grid = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1).astype(np.float64)
    picture = cv2.remap(grey, source_of(grid).astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    goal = to_pixels(face[:, :2], picture.shape)
    points = goal.astype(np.float64)
    for _ in range(20):
        points = points + (goal - source_of(points)) @ matrix.T
    return picture, np.concatenate([to_camera_units(points, picture.shape), face[:, 2:]], 1).astype(np.float32)


def wrong(face, seed=0, size=0.02):
    """Landmarks with errors of `size` eye distances that vary smoothly, as those of a tracker do."""
    rng = np.random.default_rng(seed)
    direction, phase = rng.normal(0, 3, (2, 3, 2)), rng.uniform(0, 7, (2, 3))
    waves = [sum(np.sin(CANONICAL[:, :2] @ direction[axis, k] + phase[axis, k]) for k in range(3)) for axis in (0, 1)]
    off = np.stack([*waves, np.zeros(len(face))], -1) / 1.7
    return (face + size * face_size(face) * off).astype(np.float32)


def error(face, true):
    """Mean distance of the mesh's landmarks, in eye distances."""
    return float(np.linalg.norm((face - true)[INSIDE, :2], axis=1).mean()) / face_size(true)


def affine(angle, growth=1.0, squeeze=1.0):
    cosine, sine = np.cos(angle) * growth, np.sin(angle) * growth
    return np.array([[cosine * squeeze, -sine], [sine * squeeze, cosine]])


def test_skin_tracker_leaves_the_keyframe_unchanged():
    face = person()
    np.testing.assert_array_equal(SkinTracker().track(rgb(texture()), 0.0, face, 1.0), face)


@pytest.mark.parametrize("side", [LIVE_SIDE, OFFLINE_SIDE])
@pytest.mark.parametrize(
    ("matrix", "wave"),
    [(affine(0), 0), (affine(0.2), 0), (affine(0, 1.25), 0), (affine(-0.1, 0.85, 0.9), 1.5), (affine(0), 2.5)],
)
def test_skin_tracker_moves_wrong_landmarks_towards_their_skin(matrix, wave, side):
    tracker, grey, face = SkinTracker(side), texture(), person()
    tracker.track(rgb(grey), 0.0, face, 1.0)
    picture, true = bent(grey, face, matrix, wave)
    given = wrong(true)
    found = tracker.track(rgb(picture), STEP, given, 1.0)
    assert error(found, true) < 0.3 * error(given, true)
    np.testing.assert_array_equal(found[:, 2], given[:, 2])


def test_skin_tracker_works_for_faces_smaller_and_larger_than_its_square():
    for size in (0.1, 0.5):
        tracker, grey, face = SkinTracker(), texture(), person(size)
        tracker.track(rgb(grey), 0.0, face, 1.0)
        picture, true = bent(grey, face, affine(0.05), 0)
        given = wrong(true)
        assert error(tracker.track(rgb(picture), STEP, given, 1.0), true) < 0.65 * error(given, true)


def test_skin_tracker_is_robust_to_lighting():
    tracker, grey, face = SkinTracker(), texture(), person()
    tracker.track(rgb(grey), 0.0, face, 1.0)
    picture, true = bent(grey, face, affine(0.1), 0)
    lit = np.clip(picture * np.linspace(0.4, 1.0, WIDTH)[None] + 20, 0, 255).astype(np.uint8)
    given = wrong(true)
    assert error(tracker.track(rgb(lit), STEP, given, 1.0), true) < 0.4 * error(given, true)


def test_skin_tracker_does_not_drift():
    tracker, grey, face = SkinTracker(), texture(), person()
    tracker.track(rgb(grey), 0.0, face, 1.0)
    for i in range(1, 60):
        picture, true = bent(grey, face, affine(0.1 * np.sin(i / 9)), 0)
        found = tracker.track(rgb(picture), i * STEP, wrong(true, seed=i), 1.0)
        assert error(found, true) < 0.008


@pytest.mark.parametrize("picture", [texture(seed=1), np.full((HEIGHT, WIDTH), 90, np.uint8)])
def test_skin_tracker_ignores_other_textures_and_plain_pictures(picture):
    tracker, face = SkinTracker(), person()
    tracker.track(rgb(texture()), 0.0, face, 1.0)
    given = wrong(face)
    np.testing.assert_allclose(tracker.track(rgb(picture), STEP, given, 1.0), given, atol=1e-6)


def test_skin_tracker_corrects_the_visible_part_of_a_covered_face():
    tracker, grey, face = SkinTracker(), texture(), person()
    tracker.track(rgb(grey), 0.0, face, 1.0)
    given = wrong(face)
    hidden = grey.copy()
    hidden[int(to_pixels(face[[BELOW_NOSE], :2], grey.shape)[0, 1]) :] = 140
    off = np.linalg.norm((tracker.track(rgb(hidden), STEP, given, 1.0) - face)[:, :2], axis=1)
    brows = [RIGHT_BROW_MIDDLE, LEFT_BROW_MIDDLE, 66, 296]
    assert off[brows].mean() < 0.3 * np.linalg.norm((given - face)[brows, :2], axis=1).mean()


def test_skin_tracker_makes_keyframes_only_of_confident_landmarks():
    tracker, face = SkinTracker(), person()
    tracker.track(rgb(texture()), 0.0, face, 0.3)
    given = wrong(face)
    np.testing.assert_array_equal(tracker.track(rgb(texture()), STEP, given, 1.0), given)  # becomes the keyframe
    assert error(tracker.track(rgb(texture()), 2 * STEP, face, 1.0), given) < 0.3 * error(given, face)


def test_skin_tracker_makes_a_new_keyframe_after_a_time_without_a_match():
    tracker, face = SkinTracker(), person()
    tracker.track(rgb(texture()), 0.0, face, 1.0)
    now = STEP
    while now < UNMATCHED_S + 3 * STEP:
        tracker.track(rgb(texture(seed=1)), now, face, 1.0)
        now += STEP
    given = wrong(face)
    assert error(tracker.track(rgb(texture(seed=1)), now, given, 1.0), face) < 0.3 * error(given, face)


def test_skin_tracker_applies_the_last_correction_between_measurements():
    tracker, grey, face = SkinTracker(interval=2), texture(), person()
    tracker.track(rgb(grey), 0.0, face, 1.0)
    given = wrong(face)
    off = tracker.track(rgb(grey), STEP, given, 1.0) - given
    blank = np.zeros_like(rgb(grey))
    moved = given + np.array([0.1, -0.05, 0], np.float32)
    np.testing.assert_allclose(tracker.track(blank, 2 * STEP, moved, 1.0) - moved, off, atol=1e-5)  # not measured
    np.testing.assert_allclose(tracker.track(blank, 3 * STEP, moved, 1.0), moved, atol=1e-6)


def test_skin_tracker_accepts_a_face_half_out_of_the_picture():
    tracker, grey, face = SkinTracker(), texture(), person()
    tracker.track(rgb(grey), 0.0, face, 1.0)
    away = face + np.array([1.0, 0.7, 0], np.float32)
    found = tracker.track(rgb(grey), STEP, away, 0.4)
    assert np.isfinite(found).all() and error(found, away) < 0.05
