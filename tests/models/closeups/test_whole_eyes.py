"""Eyes without lids are squeezed as a whole, and nothing around them is drawn twice."""

from dataclasses import replace

import pytest
import torch

from models.closeups.whole_eyes import DOWN, any_whole, glanced_from, squeezed_from, whole_eye_patches
from models.geometry.drawn_lids import DrawnLids
from models.geometry.grid import unit_grid
from tests.support.closeups import at_rest
from tests.support.faces import drawn_face

NO_WAY = torch.zeros(1, 1, 1, 2)


def squeezed(share: float, way: torch.Tensor = NO_WAY) -> torch.Tensor:
    """Sources (64, 64, 2) of places up to two half sizes of an eye from its middle."""
    before = glanced_from(2 * unit_grid(64, torch.device("cpu")), way)
    return squeezed_from(before, torch.full((1, 1, 1, 1), share))[0][0]


def test_an_open_eye_comes_from_its_own_place() -> None:
    assert torch.allclose(squeezed(1.0), 2 * unit_grid(64, torch.device("cpu"))[0], atol=1e-5)


@pytest.mark.parametrize("share", [0.15, 0.5])
def test_a_squeezed_eye_is_as_much_lower_and_leaves_only_its_surroundings(share: float) -> None:
    source = squeezed(share)
    of_eye = source.norm(dim=-1) < 1
    assert float(of_eye.sum()) == pytest.approx(share * float((squeezed(1.0).norm(dim=-1) < 1).sum()), rel=0.15)
    column = of_eye[:, 32]
    assert int(column.int().diff().abs().sum()) == 2  # one piece
    far = (2 * unit_grid(64, torch.device("cpu"))[0])[..., 1].abs() > DOWN
    assert torch.allclose(source[far], 2 * unit_grid(64, torch.device("cpu"))[0][far], atol=1e-5)


def test_a_staring_eye_is_higher() -> None:
    assert int((squeezed(1.2).norm(dim=-1) < 1).sum()) > int((squeezed(1.0).norm(dim=-1) < 1).sum())


def test_a_glance_moves_the_eye_and_not_what_is_far_from_it() -> None:
    source, grid = squeezed(1.0, torch.tensor([0.4, 0.0]).view(1, 1, 1, 2)), 2 * unit_grid(64, torch.device("cpu"))[0]
    inner, outer = grid.norm(dim=-1) < 1, grid.norm(dim=-1) > 2.3
    assert torch.allclose(source[inner], grid[inner] - torch.tensor([0.4, 0.0]), atol=1e-5)
    assert torch.allclose(source[outer], grid[outer], atol=1e-5)


@torch.inference_mode()
def test_patches_cover_nothing_of_eyes_with_lids_or_at_rest() -> None:
    moving = at_rest(drawn_face(128))
    assert not any_whole(moving.whole_eyes)
    open_share, shut = torch.tensor([1.0, 0, 0, 1]).expand(1, 2, 4), torch.tensor([0.0, 0, 0, 1]).expand(1, 2, 4)
    for eyes, covers in ((open_share, False), (shut * torch.tensor([1.0, 1, 1, 0]), False), (shut, True)):
        patches = whole_eye_patches(replace(moving, whole_eyes=eyes))
        assert len(patches) == 2
        assert all((float(patch.edit.keep.min()) < 0.01) == covers for patch in patches)


@torch.inference_mode()
def test_drawn_lids_cover_a_shut_eye_with_skin_and_not_an_open_one() -> None:
    moving, skin = at_rest(drawn_face(128)), torch.tensor([0.1, 0.9, 0.2])
    lids = DrawnLids.none(1)
    drawn = lids._replace(
        top=lids.top - 1, edge=lids.edge - 0.8, fall=lids.fall + 1.6, skin=lids.skin + skin, drawn=lids.drawn + 1
    )
    for opening, is_skin in ((0.0, True), (0.97, False)):
        eyes = torch.tensor([opening, 0, 0, 1]).expand(1, 2, 4)
        for patch in whole_eye_patches(replace(moving, whole_eyes=eyes, drawn_lids=drawn)):
            middle = patch.edit.paint[0, :, 64, 64]
            assert torch.allclose(middle, skin, atol=0.02) == is_skin
