"""Shoulders, arms and the canvas's border."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.geometry.body import (
    JOINTS,
    LEFT_ELBOW,
    LEFT_HIP,
    LEFT_SHOULDER,
    LEFT_WRIST,
    PIN_BAND,
    PIN_REACH,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    SHOULDERS,
    complete_body,
    drive_body,
    pin_to_border,
)
from models.geometry.retarget import retarget
from models.geometry.rig import Rig
from tests.support.drivers import driver
from tests.support.faces import drawn_face


def test_unseen_shoulders_follow_the_head_a_part_of_the_way(rig: Rig) -> None:
    pose = retarget(rig, driver(0.28, shift=(0.1, 0.0, 0.0)), driver(0.28))
    shift = (pose.body[:, SHOULDERS, 0] - rig.body[:, SHOULDERS, 0]).mean()
    assert 0.03 < shift < 0.08


def test_an_arm_is_raised_where_driver_and_picture_show_it() -> None:
    one = drawn_face(scale=0.15)
    joints = torch.zeros(1, JOINTS, 4)
    for joint, place in (
        (LEFT_SHOULDER, (0.3, 0.4)),
        (RIGHT_SHOULDER, (-0.3, 0.4)),
        (LEFT_ELBOW, (0.45, 0.7)),
        (LEFT_WRIST, (0.5, 0.9)),
    ):
        joints[0, joint] = torch.tensor([*place, 0.0, 1.0])
    seen = Rig.build(one.image, one.matte, one.face, joints)
    lifted = joints.clone()
    lifted[0, LEFT_ELBOW, :2] = torch.tensor([0.6, 0.3])
    lifted[0, LEFT_WRIST, :2] = torch.tensor([0.6, 0.1])
    tracked, neutral = (replace(driver(0.15), body=body) for body in (lifted, joints))
    pose = retarget(seen, tracked, neutral)
    assert torch.allclose(pose.body[0, SHOULDERS, :2], joints[0, SHOULDERS, :2], atol=0.01)
    assert pose.body[0, LEFT_WRIST, 1] < 0.25
    unseen = retarget(seen, replace(tracked, body=lifted * torch.tensor([1, 1, 1, 0.0])), neutral)
    assert torch.allclose(unseen.body[0, LEFT_WRIST, :2], joints[0, LEFT_WRIST, :2], atol=0.01)


def test_complete_body_keeps_a_body_seen_from_the_side_by_its_torso() -> None:
    head = drawn_face(scale=0.15).head
    joints = torch.zeros(1, JOINTS, 4)
    for joint, place in ((LEFT_SHOULDER, (0.02, 0.3)), (RIGHT_SHOULDER, (-0.02, 0.3)), (LEFT_HIP, (0.0, 0.9)),
                         (RIGHT_HIP, (0.0, 0.9))):  # fmt: skip
        joints[0, joint] = torch.tensor([*place, 0.0, 1.0])
    assert torch.equal(complete_body(head, joints), joints)
    joints[0, LEFT_HIP, 3] = 0
    assert not complete_body(head, joints)[..., 3].any()


def torso(x: float = 0.0, y: float = 0.0, wide: float = 0.4, key: float = 1.0, confidence: float = 1.0) -> Tensor:
    """(1, 2, 4) `Driver.torso`: two points of the clothes."""
    return torch.tensor([[[x + wide, y, key, confidence], [x - wide, y, key, confidence]]])


def shoulder_shift(rig: Rig, now: Tensor, neutral: Tensor) -> Tensor:
    """(1, 2, 2) displacements of the shoulders by a driver's torso, while head and joints are still."""
    joints = rig.body.clone()
    one = torch.ones(1)
    moved = drive_body(rig.body, (rig.head, rig.head), joints, joints, one, one, (now, neutral))
    return (moved - rig.body[..., :3])[:, SHOULDERS, :2]


def test_shoulders_follow_small_motions_of_the_clothes(rig: Rig) -> None:
    shift = shoulder_shift(rig, torso(0.02, -0.01), torso())
    assert (shift - torch.tensor([0.02, -0.01])).abs().max() < 1e-3
    wider = shoulder_shift(rig, torso(wide=0.44), torso())
    width = (rig.body[:, LEFT_SHOULDER] - rig.body[:, RIGHT_SHOULDER])[:, :2].abs().max()
    assert (wider[:, 0] - wider[:, 1]).abs().max() > 0.09 * width


@pytest.mark.parametrize("now", [torso(0.2, key=2.0), torso(0.2, confidence=0.0), torch.zeros(1, 2, 4)])
def test_clothes_that_cannot_be_compared_move_no_shoulder(rig: Rig, now: Tensor) -> None:
    assert shoulder_shift(rig, now, torso()).abs().max() < 1e-5


def test_pin_to_border_holds_short_displacements_in_a_narrow_band_and_folds_nothing() -> None:
    left_edge = torch.tensor([1.0, 0, 0, 0])
    pins = torch.linspace(1, 0, 301)[None, :, None] * left_edge  # points 0.001 apart, from the edge on
    for displacement in (0.01, 0.05, 0.2, -0.05):
        step = pin_to_border(pins, torch.full((1, 301, 2), displacement))[0, :, 0]
        if displacement < 0:
            assert (step == displacement).all()  # a displacement over the edge opens no gap
            continue
        assert step[0].abs() < 1e-6 and (step.diff() >= -1e-7).all()
        assert step[min(300, round(PIN_BAND * displacement * 1000) + 10)] > 0.99 * displacement
        assert step.diff().max() <= 0.001 * 1.01 * max(1.5 / PIN_BAND, 1.5 * displacement / PIN_REACH)
