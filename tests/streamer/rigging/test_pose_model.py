"""Joints of crops and of mirror images are those of the picture."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.geometry.body import LEFT_WRIST
from streamer.rigging.pose_model import POSE_SIDE, detect_joints, sees_whole_person
from streamer.tracking.motion import MIRRORED_JOINTS, VISIBILITY
from tests.support.skeletons import grey_canvas, landmark_list, standing


class FixedModel:
    """Returns the same joints, camera units of the crop, and remembers the pixels."""

    def __init__(self, joints: np.ndarray | None) -> None:
        self.joints, self.shape = joints, (0, 0)

    def process(self, pixels: np.ndarray) -> Any:
        self.shape = pixels.shape[:2]
        return SimpleNamespace(pose_landmarks=None if self.joints is None else landmark_list(self.joints, self.shape))


@pytest.mark.parametrize("mirrored", [False, True])
def test_detect_joints_are_those_of_the_picture(mirrored: bool) -> None:
    seen = standing()
    if mirrored:
        seen = seen[MIRRORED_JOINTS] * np.array([-1, 1, 1, 1], np.float32)
    joints = detect_joints(FixedModel(seen), grey_canvas(), (0.0, 0.0, 1.0), mirrored)
    np.testing.assert_allclose(joints, standing(), atol=1e-5)


def test_detect_joints_looks_at_the_picture_alone() -> None:
    model = FixedModel(standing())
    joints = detect_joints(model, grey_canvas(64, 32), (0.5, 0.5, 0.5))  # the lower half of the box is margin
    assert joints is not None and model.shape == (POSE_SIDE // 2, POSE_SIDE)
    np.testing.assert_allclose(joints[:, :2], standing()[:, :2] * 0.5 + (0.5, 0.25), atol=1e-5)


def test_detect_joints_hides_what_lies_beyond_the_crop() -> None:
    seen = standing()
    seen[LEFT_WRIST, 1] = 1.2
    joints = detect_joints(FixedModel(seen), grey_canvas(), (0.0, 0.0, 0.5))
    assert joints is not None and joints[LEFT_WRIST, VISIBILITY] == 0 and joints[0, VISIBILITY] == 1


def test_detect_joints_of_nobody_or_beyond_the_picture_is_none() -> None:
    assert detect_joints(FixedModel(None), grey_canvas(), (0.0, 0.0, 1.0)) is None
    assert detect_joints(FixedModel(standing()), grey_canvas(64, 20), (0.0, 0.9, 0.1)) is None


def test_sees_whole_person_wants_head_and_trunk() -> None:
    assert sees_whole_person(standing())
    for joint in (0, 11, 24):
        joints = standing()
        joints[joint, VISIBILITY] = 0.5
        assert not sees_whole_person(joints)
