"""Joints that are not seen get a plausible place without visibility; impossible limbs lose theirs."""

import numpy as np
import pytest

from models.geometry.body import (
    LEFT_ANKLE,
    LEFT_ELBOW,
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ANKLE,
    RIGHT_ELBOW,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
    TORSO_LENGTH,
)
from streamer.rigging.body_completion import (
    FOREARM,
    SHIN,
    THIGH,
    UPPER_ARM,
    complete,
    drop_impossible,
    hide_outside,
    size_of_person,
)
from streamer.tracking.motion import VISIBILITY
from tests.support.skeletons import WIDTH, face_of_standing, grey_canvas, standing

FACE = face_of_standing()


def hidden(joints: np.ndarray, *numbers: int) -> np.ndarray:
    """The joints, of which some are not seen and lie nowhere near the body."""
    joints = joints.copy()
    joints[list(numbers)] = (3, -3, 0, 0.3)
    return joints


def test_complete_keeps_what_is_seen() -> None:
    np.testing.assert_array_equal(complete(standing(), FACE), standing())


def test_complete_mirrors_the_other_arm_about_the_spine() -> None:
    joints = complete(hidden(standing(), LEFT_ELBOW, LEFT_WRIST), FACE)
    np.testing.assert_allclose(
        joints[[LEFT_ELBOW, LEFT_WRIST], :2], standing()[[LEFT_ELBOW, LEFT_WRIST], :2], atol=1e-5
    )
    assert joints[[LEFT_ELBOW, LEFT_WRIST], VISIBILITY].tolist() == [0, 0]


def test_complete_lets_limbs_hang_with_usual_proportions_where_neither_side_is_seen() -> None:
    numbers = (LEFT_ELBOW, RIGHT_ELBOW, LEFT_WRIST, RIGHT_WRIST, *range(LEFT_HIP, 33))
    joints = complete(hidden(standing(), *numbers), FACE)
    for start, end, length in (
        (LEFT_SHOULDER, LEFT_ELBOW, UPPER_ARM), (RIGHT_ELBOW, RIGHT_WRIST, FOREARM),
        (LEFT_HIP, LEFT_KNEE, THIGH), (RIGHT_KNEE, RIGHT_ANKLE, SHIN),
    ):  # fmt: skip
        np.testing.assert_allclose(joints[end, :2] - joints[start, :2], (0, length * WIDTH), atol=1e-5)
    middle = joints[[LEFT_HIP, RIGHT_HIP], 1].mean() - joints[[LEFT_SHOULDER, RIGHT_SHOULDER], 1].mean()
    assert middle == pytest.approx(TORSO_LENGTH * WIDTH, abs=1e-5)
    assert joints[LEFT_HIP, 0] > joints[RIGHT_HIP, 0] and not joints[list(numbers), VISIBILITY].any()


def test_complete_keeps_a_plausible_guess_of_an_unseen_joint() -> None:
    joints = standing()
    joints[LEFT_WRIST] = (*(joints[LEFT_ELBOW, :2] + (0.2, 0.02)), 0, 0.2)
    place = joints[LEFT_WRIST, :2].copy()
    joints = complete(joints, FACE)
    np.testing.assert_array_equal(joints[LEFT_WRIST, :2], place)
    assert joints[LEFT_WRIST, VISIBILITY] == 0


def test_complete_invents_nothing_below_shoulders_that_are_not_seen() -> None:
    joints = complete(hidden(standing(), LEFT_SHOULDER, LEFT_ELBOW), FACE)
    assert joints[LEFT_SHOULDER].tolist() == [3, -3, 0, 0]


def test_hide_outside_takes_joints_beyond_the_picture_for_unseen() -> None:
    joints = hide_outside(standing(), grey_canvas(64, 48))  # the picture ends at y = 0.75
    below = standing()[:, 1] > 0.77
    assert below[LEFT_ANKLE] and not joints[below, VISIBILITY].any() and joints[~below, VISIBILITY].all()


def test_hide_outside_makes_numbers_of_what_is_none() -> None:
    joints = standing()
    joints[LEFT_WRIST] = np.nan
    assert hide_outside(joints, grey_canvas())[LEFT_WRIST].tolist() == [0, 0, 0, 0]


def test_drop_impossible_keeps_a_person() -> None:
    joints, dropped = drop_impossible(standing(), FACE)
    np.testing.assert_array_equal(joints, standing())
    assert dropped == []


def test_drop_impossible_drops_a_bone_of_three_times_the_usual_length_and_what_hangs_on_it() -> None:
    joints = standing()
    joints[LEFT_WRIST, :2] += (0, 1)
    joints, dropped = drop_impossible(joints, FACE)
    assert joints[LEFT_WRIST, VISIBILITY] == 0 and joints[LEFT_ELBOW, VISIBILITY] == 1
    assert [limb.name for limb in dropped] == ["right arm"]


def test_drop_impossible_drops_the_less_visible_arm_of_two_on_one_wrist() -> None:
    joints = standing()
    joints[LEFT_WRIST] = joints[RIGHT_WRIST]
    joints[LEFT_WRIST, VISIBILITY] = 0.8
    joints, dropped = drop_impossible(joints, FACE)
    assert joints[[LEFT_ELBOW, LEFT_WRIST], VISIBILITY].tolist() == [0, 0]
    assert joints[[RIGHT_ELBOW, RIGHT_WRIST], VISIBILITY].tolist() == [1, 1] and len(dropped) == 1


def test_drop_impossible_drops_legs_that_are_far_shorter_than_arms() -> None:
    joints = standing()
    for hip, knee, ankle in ((LEFT_HIP, LEFT_KNEE, LEFT_ANKLE), (RIGHT_HIP, RIGHT_KNEE, RIGHT_ANKLE)):
        joints[knee, :2], joints[ankle, :2] = joints[hip, :2] + (0, 0.03), joints[hip, :2] + (0, 0.06)
    joints, dropped = drop_impossible(joints, FACE)
    assert not joints[[LEFT_KNEE, RIGHT_KNEE, LEFT_ANKLE, RIGHT_ANKLE], VISIBILITY].any() and len(dropped) == 2


def test_size_of_person_is_that_of_the_torso_for_a_person_seen_from_the_side() -> None:
    joints = standing()
    joints[:, 0] *= 0.2
    assert size_of_person(joints, FACE) == pytest.approx(WIDTH, rel=0.02)
    joints[[LEFT_HIP, RIGHT_HIP], VISIBILITY] = 0
    assert size_of_person(joints, FACE) > 0.35 * WIDTH
