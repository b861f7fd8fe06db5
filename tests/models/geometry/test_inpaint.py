"""Filling unknown pixels from known ones."""

import torch

from models.geometry.inpaint import blur, dilate, pull_push


def test_known_pixels_stay_exactly_and_unknown_ones_become_smooth() -> None:
    torch.manual_seed(2)
    values = torch.rand(1, 3, 37, 50) * 0.2 + 0.4
    weight = torch.ones(1, 1, 37, 50)
    weight[..., 10:25, 15:35] = 0
    filled = pull_push(torch.where(weight > 0, values, torch.tensor(1e3)), weight)
    assert torch.equal(filled[..., :10, :], values[..., :10, :])
    hole = filled[..., 10:25, 15:35]
    assert hole.min() >= 0.4 and hole.max() <= 0.6


def test_a_constant_is_continued_as_itself() -> None:
    weight = torch.zeros(1, 1, 64, 64)
    weight[..., 3, 5] = 1
    filled = pull_push(torch.full((1, 2, 64, 64), 0.7), weight)
    assert torch.allclose(filled, torch.full_like(filled, 0.7), atol=1e-4)


def test_one_known_row_is_continued_to_the_end_of_a_long_map() -> None:
    for shape in ((192, 128), (128, 192)):
        weight = torch.zeros(1, 1, *shape)
        weight[..., 0, :] = 1
        torch.testing.assert_close(pull_push(weight.clone(), weight), torch.ones_like(weight))


def test_nothing_known_gives_zero() -> None:
    assert pull_push(torch.ones(1, 1, 16, 16), torch.zeros(1, 1, 16, 16)).abs().max() == 0


def test_dilate_and_blur() -> None:
    mask = torch.zeros(1, 1, 15, 15)
    mask[..., 7, 7] = 1
    assert dilate(mask, 2).sum() == 25
    assert torch.isclose(blur(mask, 2).sum(), torch.tensor(1.0), atol=1e-5)
    assert torch.equal(blur(mask, 0), mask)
