"""Joints of a film's frames are what several looks at them agree on."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.geometry.body import LEFT_ELBOW, LEFT_WRIST, RIGHT_WRIST, SHOULDERS
from streamer.tracking import body_looks
from streamer.tracking.body_looks import CROP_PERIOD_S, BodyLooks, crop_around_body
from streamer.tracking.image_points import to_camera_units, to_pixels
from streamer.tracking.motion import MIRRORED_JOINTS, VISIBILITY, Array
from tests.support.skeletons import landmark_list, standing

FRAME = np.zeros((360, 640, 3), np.uint8)
FLIP = np.array([-1, 1, 1, 1], np.float32)
ARM = [LEFT_ELBOW, LEFT_WRIST]


def driver() -> Array:
    """(33, 4), half as large as `standing`, so that a frame of 640 × 360 shows all of it."""
    return standing() * np.array([0.5, 0.5, 0.5, 1], np.float32) - np.array([0, 0.1, 0, 0], np.float32)


def moved(joints: Array, by: float, limb: list[int] = ARM) -> Array:
    joints = joints.copy()
    joints[limb, 0] += by
    return joints


class Models:
    """What MediaPipe reads. mirrored, crops: joints (33, 4) in camera units of the frame as it is, or None. body: what
    crops are around.
    """

    def __init__(self) -> None:
        self.mirrored: Array | None = driver()
        self.crops: tuple[Array | None, Array | None] = driver(), driver()
        self.body = driver()
        self.resets = self.looks = self.closed = 0

    def make(self, static_image_mode: bool = False, **_: Any) -> Any:
        return SimpleNamespace(
            process=self.crop if static_image_mode else self.mirror, reset=self.reset, close=self.close
        )

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed += 1

    def mirror(self, rgb: Array) -> Any:
        return self._answer(None if self.mirrored is None else (self.mirrored * FLIP)[MIRRORED_JOINTS], rgb.shape)

    def crop(self, part: Array) -> Any:
        joints, is_mirrored = self.crops[self.looks % 2], bool(self.looks % 2)
        self.looks += 1
        if joints is None:
            return self._answer(None, part.shape)
        rows, columns = crop_around_body(FRAME, self.body)
        assert part.shape[:2] == (rows.stop - rows.start, columns.stop - columns.start)
        joints = joints.copy()
        pixels = to_pixels(joints[:, :2], FRAME.shape) - np.array([columns.start, rows.start], np.float32)
        joints[:, :2] = to_camera_units(pixels, part.shape)
        joints[:, 2] *= max(FRAME.shape) / max(part.shape)
        return self._answer((joints * FLIP)[MIRRORED_JOINTS] if is_mirrored else joints, part.shape)

    @staticmethod
    def _answer(joints: Array | None, shape: tuple[int, ...]) -> Any:
        return SimpleNamespace(pose_landmarks=None if joints is None else landmark_list(joints, shape[:2]))


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Models:
    made = Models()
    monkeypatch.setattr(body_looks.pose, "Pose", made.make)
    return made


def test_all_looks_at_a_body_come_back_in_camera_units(models: Models) -> None:
    corrected = BodyLooks().correct(FRAME, driver(), 0.0)
    np.testing.assert_allclose(corrected, driver(), atol=2e-3)  # crops begin at whole pixels
    assert models.looks == 2


def test_a_joint_is_the_mean_of_all_looks(models: Models) -> None:
    models.mirrored, models.crops = moved(driver(), -0.01), (moved(driver(), 0.01), moved(driver(), -0.01))
    models.body = moved(driver(), 0.01)
    corrected = BodyLooks().correct(FRAME, models.body, 0.0)
    np.testing.assert_allclose(corrected[ARM], driver()[ARM], atol=2e-3)


def test_visibility_is_that_of_the_first_look(models: Models) -> None:
    body = driver()
    body[RIGHT_WRIST, VISIBILITY] = 0.3
    assert BodyLooks().correct(FRAME, body, 0.0)[RIGHT_WRIST, VISIBILITY] == pytest.approx(0.3)


def test_a_look_that_stands_alone_does_not_count(models: Models) -> None:
    models.mirrored = moved(driver(), 0.2)
    np.testing.assert_allclose(BodyLooks().correct(FRAME, driver(), 0.0), driver(), atol=2e-3)


def test_somebody_else_does_not_count_and_is_searched_for_anew(models: Models) -> None:
    models.mirrored, models.crops = driver() + np.float32(0.1), (driver() + np.float32(0.1), None)
    np.testing.assert_allclose(BodyLooks().correct(FRAME, driver(), 0.0)[:, :3], driver()[:, :3], atol=1e-5)
    assert models.resets == 1


def test_what_crops_tell_is_kept_until_the_next_look_and_followed_softly(models: Models) -> None:
    looks = BodyLooks()
    first = looks.correct(FRAME, driver(), 0.0)
    models.crops = (moved(driver(), 0.02),) * 2
    np.testing.assert_allclose(looks.correct(FRAME, driver(), CROP_PERIOD_S / 2), first, atol=1e-6)
    assert models.looks == 2
    steps = [
        looks.correct(FRAME, driver(), CROP_PERIOD_S + i / 24)[LEFT_ELBOW, 0] - first[LEFT_ELBOW, 0] for i in (0, 1, 5)
    ]
    assert models.looks == 4
    assert 0 < steps[0] < steps[1] < steps[2] < 0.0101  # half of the looks say so
    assert np.diff([0, *steps]).max() < 0.009


def test_a_cut_is_looked_at_at_once(models: Models) -> None:
    looks = BodyLooks()
    looks.correct(FRAME, driver(), 0.0)
    away = driver() + np.array([0.2, 0, 0, 0], np.float32)
    models.mirrored, models.crops = away, (None, None)
    looks.correct(FRAME, away, 0.04)
    assert models.looks == 4


def test_a_crop_is_around_the_person_or_around_the_trunk_of_one_who_fills_the_frame() -> None:
    rows, columns = crop_around_body(FRAME, driver())
    x, y = to_pixels(driver()[:, :2], FRAME.shape).T
    assert columns.start < x.min() and x.max() < columns.stop
    assert rows.start <= y.min() and y.max() < rows.stop
    wide = moved(moved(driver(), 0.9, [LEFT_WRIST]), -0.9, [RIGHT_WRIST])
    upper = crop_around_body(FRAME, wide)[1]
    assert upper.stop - upper.start < 400
    assert upper.start < x[SHOULDERS].min() and x[SHOULDERS].max() < upper.stop


@pytest.mark.parametrize("shape", [(1, 64, 3), (64, 1, 3), (2, 2, 3)])
def test_the_smallest_frames_have_a_crop(shape: tuple[int, int, int]) -> None:
    rows, columns = crop_around_body(np.zeros(shape, np.uint8), np.zeros((33, 4), np.float32))
    assert np.zeros(shape)[rows, columns].size > 0


def test_a_mirror_image_that_is_lost_for_a_frame_leaves_no_jump(models: Models) -> None:
    models.mirrored, models.crops = moved(driver(), 0.02), (None, None)
    looks = BodyLooks()
    before = looks.correct(FRAME, driver(), 0.0)
    assert before[LEFT_ELBOW, 0] - driver()[LEFT_ELBOW, 0] == pytest.approx(0.01, abs=1e-3)
    models.mirrored = None
    np.testing.assert_allclose(looks.correct(FRAME, driver(), 0.04), before, atol=1e-6)


def test_what_crops_told_stays_while_they_see_nobody(models: Models) -> None:
    models.crops = (moved(driver(), 0.02),) * 2
    looks = BodyLooks()
    before = looks.correct(FRAME, driver(), 0.0)
    models.crops = (None, None)
    np.testing.assert_allclose(looks.correct(FRAME, driver(), 2 * CROP_PERIOD_S), before, atol=1e-6)


def test_both_models_are_released(models: Models) -> None:
    BodyLooks().close()
    assert models.closed == 2
