"""Displacements are in sizes of bodies where these are seen to the hips, and in sizes of heads elsewhere."""

import pytest
import torch

from models.geometry.body import HIPS, SHOULDERS
from models.geometry.proportions import MAX_TRAVEL, travel_factor
from tests.support.joints import standing


def of_size(size: float) -> torch.Tensor:
    joints = standing()
    joints[..., :3] *= size
    return joints


@pytest.mark.parametrize("head", [0.7, 1.0, 1.2])
def test_a_body_that_is_seen_travels_in_its_own_size_whatever_the_heads(head: float) -> None:
    unit = torch.tensor([head])
    assert float(unit * travel_factor(of_size(0.9), of_size(0.75), unit)) == pytest.approx(1.2, abs=1e-4)


@pytest.mark.parametrize("of_picture", [False, True])
@pytest.mark.parametrize("joints", [HIPS, SHOULDERS])
def test_a_body_that_one_of_both_does_not_show_travels_as_the_head(joints: slice, of_picture: bool) -> None:
    rest, neutral = of_size(0.9), of_size(0.75)
    (rest if of_picture else neutral)[:, joints, 3] = 0
    assert float(travel_factor(rest, neutral, torch.tensor([0.7]))) == 1  # to the last digit: heads stay as they were


def test_a_head_that_is_far_too_large_or_no_body_at_all_moves_nothing_far() -> None:
    large = travel_factor(of_size(0.9), of_size(0.9), torch.tensor([5.0]))
    assert float(large.log()) == pytest.approx(-MAX_TRAVEL)
    nowhere = torch.zeros_like(standing())
    nowhere[..., 3] = 1
    for rest, neutral in ((nowhere, standing()), (standing(), nowhere), (nowhere, nowhere)):
        factor = travel_factor(rest, neutral, torch.tensor([0.0]))
        assert torch.isfinite(factor).all() and factor.log().abs() <= MAX_TRAVEL + 1e-5
