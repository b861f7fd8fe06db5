"""Turns of the head beyond what pictures show."""

import math

import torch

from models.geometry.retarget import retarget
from models.geometry.rig import Rig
from models.geometry.skull import SKULL_CENTRE
from models.geometry.topology import HeadTransform
from models.geometry.turn_limit import (
    EASED_SHEET_TURN,
    EASED_TURN,
    SHEET_TURN,
    SHOWN_TURN,
    ease_turn,
    sheet_head,
    turn_limit,
    yaw_of,
)
from tests.support.drivers import driver, rotation_of


def heads(*degrees: float) -> HeadTransform:
    """Heads turned by these yaws, aside from the canvas's middle."""
    rotation = torch.cat([rotation_of(math.radians(yaw)).view(1, 3, 3) for yaw in degrees])
    return HeadTransform(torch.full((len(degrees),), 0.3), rotation, torch.tensor([[0.1, -0.2, 0.05]] * len(degrees)))


def test_turns_within_the_limit_are_unchanged() -> None:
    turned = heads(-49, -20, 0, 30, 49)
    eased = ease_turn(turned, torch.full((5,), SHOWN_TURN))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(turned, eased, strict=True))


def test_turns_beyond_it_grow_ever_less_and_stay_below_a_bound() -> None:
    yaw = yaw_of(ease_turn(heads(*range(0, 120, 5)), torch.full((24,), SHOWN_TURN))).abs()
    steps = yaw.diff()
    assert (steps > 0).all() and yaw.max() < SHOWN_TURN + EASED_TURN
    assert (steps[11:].diff() < 1e-6).all()
    left, right = yaw_of(ease_turn(heads(-80, 80), torch.full((2,), SHOWN_TURN)))
    assert torch.allclose(left, -right, atol=1e-5)


def test_the_middle_of_the_skull_stays_where_it_was() -> None:
    turned = heads(-85, 85)
    centre = torch.tensor([SKULL_CENTRE]).expand(2, -1, -1)
    eased = ease_turn(turned, torch.full((2,), SHOWN_TURN))
    assert torch.allclose(turned.apply(centre), eased.apply(centre), atol=1e-6)


def test_a_picture_of_a_side_lets_the_head_turn_further_to_both() -> None:
    one, two = turn_limit([heads(10)]), turn_limit([heads(10), heads(-70)])
    assert torch.allclose(one, torch.tensor([math.radians(10) + SHOWN_TURN]), atol=1e-5)
    assert torch.allclose(two, torch.tensor([math.radians(70) + SHOWN_TURN]), atol=1e-5)


def test_retarget_eases_a_drivers_turn(rig: Rig) -> None:
    pose = retarget(rig, driver(rotation=rotation_of(1.4)), driver())
    assert float(rig.turn_limit) < float(yaw_of(pose.head).abs()) < float(rig.turn_limit) + EASED_TURN
    assert torch.allclose(pose.rotation @ rig.head.rotation, pose.head.rotation, atol=1e-5)


def test_a_turn_past_the_back_of_the_head_does_not_jump() -> None:
    every = heads(*range(0, 361))
    yaw = yaw_of(ease_turn(every, torch.full((361,), SHOWN_TURN)))
    assert yaw.abs().max() < SHOWN_TURN + EASED_TURN
    assert yaw.diff().abs().max() < math.radians(4)


def test_what_surrounds_a_head_never_turns_as_far_as_a_right_angle() -> None:
    every = heads(*range(-170, 171, 10))
    around = sheet_head(heads(*[0] * 35), every)
    cosine = around.rotation[:, 2, 2]
    assert cosine.min() > math.cos(SHEET_TURN + EASED_SHEET_TURN) - 1e-5
    same = every.rotation[:, 2, 2] > math.cos(SHEET_TURN) + 1e-3
    assert same.any() and torch.allclose(around.rotation[same], every.rotation[same], atol=1e-5)
    assert torch.allclose(around.rotation @ around.rotation.mT, torch.eye(3).expand(35, -1, -1), atol=1e-5)
    centre = torch.tensor([SKULL_CENTRE]).expand(35, -1, -1)
    assert torch.allclose(around.apply(centre), every.apply(centre), atol=1e-5)


def test_what_surrounds_a_head_rolls_with_it() -> None:
    rolled = HeadTransform(torch.tensor([0.3]), rotation_of(0.3, 2.0), torch.zeros(1, 3))
    around = sheet_head(heads(0), rolled)
    assert torch.allclose(around.rotation, rolled.rotation, atol=1e-5)
