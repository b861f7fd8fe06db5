"""Joints that complete a body, and the canvas's border."""

import torch

from models.geometry.body import (
    JOINTS,
    LEFT_HIP,
    LEFT_SHOULDER,
    PIN_BAND,
    PIN_REACH,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    RIGID_BONES,
    complete_body,
    move_with_bones,
    pin_to_border,
)
from tests.support.faces import drawn_face
from tests.support.joints import standing


def test_complete_body_keeps_a_body_seen_from_the_side_by_its_torso() -> None:
    head = drawn_face(scale=0.15).head
    joints = torch.zeros(1, JOINTS, 4)
    for joint, place in ((LEFT_SHOULDER, (0.02, 0.3)), (RIGHT_SHOULDER, (-0.02, 0.3)), (LEFT_HIP, (0.0, 0.9)),
                         (RIGHT_HIP, (0.0, 0.9))):  # fmt: skip
        joints[0, joint] = torch.tensor([*place, 0.0, 1.0])
    assert torch.equal(complete_body(head, joints), joints)
    joints[0, LEFT_HIP, 3] = 0
    assert not complete_body(head, joints)[..., 3].any()


def test_a_torso_that_turns_becomes_narrow_and_keeps_its_height() -> None:
    rest = standing()
    now = rest.clone()
    now[0, [LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP], 0] *= 0.5
    corner = torch.tensor([[[0.1, -0.3, 0.0]]])
    for moved in move_with_bones(rest, now, corner)[0, :RIGID_BONES, 0]:
        assert torch.allclose(moved, torch.tensor([0.05, -0.3, 0.0]), atol=1e-5)


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
