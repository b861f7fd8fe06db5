"""Hand-placed points of a body replace the joints that were found."""

import numpy as np
import pytest
import torch

from models.geometry.body import (
    LEFT_ANKLE,
    LEFT_ELBOW,
    LEFT_FOOT,
    LEFT_HEEL,
    LEFT_INDEX,
    LEFT_PINKY,
    LEFT_THUMB,
    LEFT_WRIST,
    RIGHT_ELBOW,
    RIGHT_INDEX,
    RIGHT_PINKY,
    RIGHT_WRIST,
)  # fmt: skip
from models.geometry.limb_curve import limb_polylines
from streamer.rigging.body_points import BODY_POINT_NAMES, body_of_points, mirrored_name, with_points
from streamer.tracking.motion import VISIBILITY
from tests.support.skeletons import face_of_standing, standing


def tips(body: np.ndarray) -> np.ndarray:
    """(4, 2) ends of the left arm, right arm, left leg and right leg."""
    return limb_polylines(torch.from_numpy(body)[None])[0, :, -1].numpy()


def test_every_point_has_a_partner() -> None:
    assert {mirrored_name(name) for name in BODY_POINT_NAMES} == set(BODY_POINT_NAMES) and len(BODY_POINT_NAMES) == 16


def test_a_point_of_the_pictures_left_places_the_persons_right_joint() -> None:
    found = standing()
    found[:, VISIBILITY] = 0.2
    body = with_points(found, {"left_elbow": (-0.5, 0.1)})
    assert body[RIGHT_ELBOW].tolist() == pytest.approx([-0.5, 0.1, 0, 1])
    others = np.arange(33) != RIGHT_ELBOW
    np.testing.assert_array_equal(body[others], found[others])


def test_hands_move_along_with_wrists() -> None:
    body = with_points(standing(), {"left_wrist": (-0.4, 0.4)})
    for joint in (RIGHT_INDEX, RIGHT_PINKY):
        np.testing.assert_allclose(
            body[joint, :2] - body[RIGHT_WRIST, :2], standing()[joint, :2] - standing()[RIGHT_WRIST, :2], atol=1e-6
        )


def test_fingertips_and_toes_are_where_limbs_end() -> None:
    body = with_points(standing(), {"right_hand": (0.4, 0.3), "right_foot": (0.3, 0.95)})
    np.testing.assert_allclose(tips(body)[[0, 2]], [(0.4, 0.3), (0.3, 0.95)], atol=1e-5)
    np.testing.assert_allclose(tips(body)[[1, 3]], tips(standing())[[1, 3]], atol=1e-6)
    assert body[[LEFT_INDEX, LEFT_PINKY, LEFT_THUMB, LEFT_HEEL, LEFT_FOOT], VISIBILITY].tolist() == [1] * 5
    toes, heel = (body[joint, :2] - body[LEFT_ANKLE, :2] for joint in (LEFT_FOOT, LEFT_HEEL))
    assert toes @ heel < 0


def test_a_placed_hand_keeps_the_side_of_its_thumb() -> None:
    for turned in (1, -1):
        found = standing()
        found[[LEFT_INDEX, LEFT_PINKY], 0] = found[LEFT_WRIST, 0] + turned * np.array([-0.02, 0.02])
        body = with_points(found, {"right_hand": (0.2, 0.45)})
        before, after = (each[LEFT_INDEX, 0] - each[LEFT_PINKY, 0] for each in (found, body))
        assert before * after > 0


def test_body_of_points_has_the_faces_head_and_only_what_is_given() -> None:
    points = {"left_shoulder": (-0.15, -0.35), "right_shoulder": (0.15, -0.35), "right_elbow": (0.2, -0.1)}
    body = body_of_points(points, face_of_standing())
    assert body is not None
    np.testing.assert_allclose(body[:11, :2], standing()[:11, :2], atol=0.03)
    assert np.flatnonzero(body[11:, VISIBILITY]).tolist() == [0, 1, LEFT_ELBOW - 11]
    assert body_of_points({}, face_of_standing()) is None
