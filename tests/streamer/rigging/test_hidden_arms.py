"""An arm that a person seen from the side hides is put behind the torso; nobody else gets one."""

import numpy as np
import pytest

from models.geometry.body import (
    LEFT_ELBOW,
    LEFT_INDEX,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ELBOW,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)
from models.geometry.limb_curve import LIMB_SAMPLES, LIMBS, SEGMENTS_OF_LIMB
from streamer.rigging.canvas import Array
from streamer.rigging.hidden_arms import add_hidden_arms
from streamer.rigging.limb_outline import LimbOutlines
from streamer.tracking.limb_gate import body_size
from tests.support.joints import standing

SIDEWAYS = 0.4  # width over that of somebody seen from the front
TORSO = [LEFT_SHOULDER, RIGHT_SHOULDER, RIGHT_HIP - 1, RIGHT_HIP]


def from_the_side(hidden: tuple[int, ...] = (RIGHT_ELBOW, RIGHT_WRIST), width: float = SIDEWAYS) -> Array:
    """Joints (33, 4) of somebody whose shoulders and hips are so narrow; hidden: joints that are not seen."""
    body = standing()[0].numpy().copy()
    body[TORSO, 0] *= width
    body[list(hidden), 3] = 0
    return np.asarray(body)


def outlines(left: float = 1.0, right: float = 0.0) -> LimbOutlines:
    shown = np.ones((LIMBS, SEGMENTS_OF_LIMB), np.float32)
    shown[0], shown[1] = left, right
    radii = np.full((LIMBS, LIMB_SAMPLES, 2), 0.05, np.float32)
    radii[0, :, 0] = 0.03
    return LimbOutlines(radii, shown, np.array([-1, -1, 1, 1], np.float32))


@pytest.mark.parametrize("side", [0, 1])
def test_arm_that_is_not_seen_is_put_on_the_spine_behind_the_torso_as_wide_as_the_other(side: int) -> None:
    elbow, wrist, index = (joint + side for joint in (LEFT_ELBOW, LEFT_WRIST, LEFT_INDEX))
    before, given = from_the_side((elbow, wrist)), outlines(left=float(side), right=1.0 - side)
    given.radii[1 - side, :, 0] = 0.03
    given.radii[side] = 0.05
    added = add_hidden_arms(before, given)
    assert added is not None
    body, limbs, which = added
    assert which.tolist() == [1 - side, side]
    assert limbs.shown[:2].all() and not given.shown[side].any()
    assert np.array_equal(limbs.radii[side], given.radii[1 - side][:, ::-1])
    top, hips = before[TORSO[:2], :2].mean(0), before[TORSO[2:], :2].mean(0)
    for joint in (elbow, wrist, index):
        along = (body[joint, :2] - top) / (hips - top)[1]
        assert along[0] == pytest.approx(0, abs=1e-6) and 0.3 < along[1] < 1.1
        assert body[joint, 2] > before[TORSO, 2].max() + 0.9 * body_size(before)
        assert body[joint, 3] == 0
    kept = [LEFT_ELBOW + 1 - side, LEFT_WRIST + 1 - side, *TORSO]
    assert np.array_equal(body[kept], before[kept])


@pytest.mark.parametrize(
    ("body", "limbs"),
    [
        pytest.param(from_the_side(width=1.0), outlines(), id="seen from the front"),
        pytest.param(from_the_side(), outlines(left=0.0), id="neither arm is shown"),
        pytest.param(from_the_side(), outlines(right=1.0), id="both arms are shown"),
        pytest.param(from_the_side((RIGHT_WRIST,)), outlines(), id="its elbow is seen"),
        pytest.param(from_the_side((RIGHT_ELBOW, RIGHT_WRIST, RIGHT_HIP)), outlines(), id="no torso is seen"),
    ],
)
def test_no_arm_is_added_to_others(body: Array, limbs: LimbOutlines) -> None:
    assert add_hidden_arms(body, limbs) is None
