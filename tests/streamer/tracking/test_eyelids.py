"""The opening of eyes is measured, and their lids can be closed."""

import numpy as np
import pytest

from models.geometry.topology import LEFT_LID, RIGHT_LID
from streamer.tracking.eyelids import close_lids, eye_aspect_ratio
from streamer.tracking.head_pose import CANONICAL, HeadTransform, rotation_matrix


@pytest.mark.parametrize("ring", [RIGHT_LID, LEFT_LID])
def test_eye_aspect_ratio_is_independent_of_pose_and_size(ring):
    pose = HeadTransform(0.2, rotation_matrix(np.array([0.2, -0.7, 0.1])), np.array([0.3, 0.1, 0.0]))
    ratio = eye_aspect_ratio(CANONICAL, ring)
    assert 0.2 < ratio < 0.5
    assert eye_aspect_ratio(pose.apply(CANONICAL), ring) == pytest.approx(ratio, rel=1e-4)


@pytest.mark.parametrize("ring", [RIGHT_LID, LEFT_LID])
def test_close_lids_closes_in_proportion_and_changes_a_copy(ring):
    before = CANONICAL.copy()
    ratios = [eye_aspect_ratio(close_lids(CANONICAL, closed), ring) for closed in (0.0, 0.5, 1.0)]
    assert ratios[0] == eye_aspect_ratio(CANONICAL, ring)
    assert 0.4 * ratios[0] < ratios[1] < 0.6 * ratios[0] and ratios[2] < 0.12 * ratios[0]
    np.testing.assert_array_equal(CANONICAL, before)
