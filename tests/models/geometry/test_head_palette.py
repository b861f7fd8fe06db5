"""The main colours of hair and skin."""

import torch

from models.geometry.head_palette import main_colours, picture_palette
from models.geometry.topology import head_pose
from tests.support.solid_heads import HAIR, SKIN, bare_sides, picture_of, rgb


def test_picture_palette_finds_the_colours_of_crown_and_cheeks() -> None:
    view = picture_of(15, bare_sides)
    palette = picture_palette(torch.cat([view.image * view.matte, view.matte], 1), view.face, head_pose(view.face))
    assert (palette.skin - rgb(SKIN)).abs().max() < 0.05
    assert (palette.hair[0] - rgb(HAIR)).norm(dim=-1).min() < 0.05  # others are of its border, where it meets the skin


def test_main_colours_are_those_around_which_others_lie_with_their_shares() -> None:
    torch.manual_seed(0)
    bright, dark = torch.tensor([0.8, 0.6, 0.5]), torch.tensor([0.2, 0.1, 0.1])
    others = torch.cat([bright.expand(30, 3), dark.expand(90, 3)]) + 0.01 * torch.randn(120, 3)
    centres, share = main_colours(others[None], torch.ones(1, 120, 1), 2)
    assert (centres[0] - torch.stack([dark, bright])).abs().max() < 0.02
    assert torch.allclose(share, torch.tensor([[0.75, 0.25]]), atol=1e-3)


def test_main_colours_of_a_picture_that_shows_nothing_are_finite() -> None:
    centres, share = main_colours(torch.rand(1, 50, 3), torch.zeros(1, 50, 1), 3)
    assert centres.isfinite().all() and share.isfinite().all()
