"""A neutral that shows the driver from the side turns no character away from the camera."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.geometry.body import HIPS, JOINTS, LEFT_SHOULDER, RIGHT_SHOULDER, SHOULDERS
from models.geometry.offsets import neck_of
from models.geometry.retarget import retarget
from models.geometry.rig import Rig
from models.geometry.stance import reference_head
from models.geometry.topology import head_pose
from models.geometry.turn_limit import yaw_of
from tests.support.drivers import driver, rotation_of
from tests.support.joints import standing

PROFILE = 1.2  # radians


def from_side(joints: Tensor) -> Tensor:
    """The same joints (1, 33, 4) with shoulders and hips nearly one behind the other."""
    turned = joints.clone()
    for pair in (SHOULDERS, HIPS):
        middle = turned[:, pair, 0].mean(1, keepdim=True)
        turned[:, pair, 0] = middle + 0.3 * (turned[:, pair, 0] - middle)
    return turned


def width(body: Tensor) -> float:
    return float((body[0, LEFT_SHOULDER] - body[0, RIGHT_SHOULDER])[:2].norm())


def test_who_begins_in_profile_and_turns_to_the_camera_turns_the_head_there(rig: Rig) -> None:
    side, front = driver(rotation=rotation_of(PROFILE)), driver()
    assert float(yaw_of(retarget(rig, front, side).head)) == pytest.approx(0, abs=0.02)
    assert abs(float(yaw_of(retarget(rig, side, side).head))) > 0.9


def test_a_neutral_that_is_turned_less_is_what_motion_is_measured_against(rig: Rig) -> None:
    aside = driver(rotation=rotation_of(0.5))
    assert float(yaw_of(retarget(rig, aside, aside).head)) == pytest.approx(0, abs=0.01)


def test_a_head_turns_as_a_neutral_in_profile_does_without_leaving_its_neck(rig: Rig) -> None:
    side = driver(rotation=rotation_of(PROFILE))
    assert torch.allclose(neck_of(retarget(rig, side, side).head), neck_of(rig.head), atol=0.01)


def test_a_picture_in_profile_moves_as_far_as_a_driver_does_since_a_neutral_in_profile() -> None:
    side = head_pose(driver(rotation=rotation_of(PROFILE)).face)
    assert torch.allclose(reference_head(side, side).rotation, side.rotation, atol=1e-4)


def test_shoulders_are_as_wide_as_the_drivers_look(rig: Rig) -> None:
    whole = replace(rig, body=standing())
    neutral = replace(driver(), body=from_side(standing()))
    full = width(whole.body)
    assert width(retarget(whole, neutral, neutral).body) < 0.5 * full
    turned = retarget(whole, replace(driver(), body=standing()), neutral)
    assert width(turned.body) == pytest.approx(full, rel=0.1)


def test_without_hips_narrow_shoulders_tell_no_turn(rig: Rig) -> None:
    bust = standing()
    bust[:, HIPS.start : JOINTS, 3] = 0
    whole = replace(rig, body=bust)
    neutral = replace(driver(), body=from_side(bust))
    assert width(retarget(whole, neutral, neutral).body) == pytest.approx(width(whole.body), rel=0.01)


def test_a_head_that_juts_out_in_a_neutral_from_the_side_does_so_in_the_picture(rig: Rig) -> None:
    whole = replace(rig, body=standing())
    bent = from_side(standing())
    bent[:, :, 0] += 0.1
    neutral = replace(driver(), body=bent)
    moved = retarget(whole, neutral, neutral).body[0, SHOULDERS, 0].mean() - whole.body[0, SHOULDERS, 0].mean()
    assert 0.03 < float(moved) < 0.12
