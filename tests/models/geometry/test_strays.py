"""A shadow beside a shoe stays on the floor; a dress that reaches the floor goes with the body."""

import pytest
import torch
from torch import Tensor

from models.geometry.grid import unit_grid
from models.geometry.limb_curve import LEG_PIECES, LIMB_PIECES
from models.geometry.strays import find_strays, with_strays
from tests.support.bodies import figure_joints

SIZE = 128
X, Y = unit_grid(SIZE, torch.device("cpu"))[0].unbind(-1)
SHADOW = (X > 0.2) & (X < 0.4) & (Y > 0.8) & (Y < 0.88)
DRESS = (X.abs() < 0.4) & (Y > -0.4) & (Y < 0.88)


def strays(shown: Tensor, taken: Tensor, legs: float = 1.0) -> Tensor:
    """(S, S) bool, of the figure whose person is shown (S, S) and whose limbs take (S, S), both bool. legs: 1 if they
    are layers.
    """
    pieces = torch.ones(1, LIMB_PIECES)
    pieces[:, LEG_PIECES] = legs
    return find_strays(shown[None, None].float(), taken[None, None].float(), pieces, figure_joints())[0, 0]


def test_what_touches_neither_limb_nor_body_is_none_of_the_person() -> None:
    body, leg = DRESS & (Y < 0.2), (X.abs() < 0.15) & (Y >= 0.2) & (Y < 0.85)
    assert torch.equal(strays(body | leg | SHADOW, leg), SHADOW)


def test_people_whose_legs_are_no_layers_keep_all() -> None:
    assert not strays(SHADOW, torch.zeros_like(DRESS), legs=0.0).any()


def test_a_dress_down_to_the_floor_is_the_bodys() -> None:
    assert not strays(DRESS, torch.zeros_like(DRESS)).any()


def test_what_lies_beside_the_body_above_the_knees_is_the_persons() -> None:
    bag = (X > 0.5) & (X < 0.6) & (Y > 0.1) & (Y < 0.3)
    assert not strays(DRESS | bag, torch.zeros_like(DRESS)).any()


@pytest.mark.parametrize(("width", "is_kept"), [(0.2, True), (0.015, False)], ids=["shadow", "edge of a heel"])
def test_the_background_keeps_shadows_and_no_edges_of_shoes(width: float, is_kept: bool) -> None:
    shown = (X > 0.2) & (0.2 + width > X) & (Y > 0.7) & (Y < 0.9)
    image, plate = torch.full((1, 3, SIZE, SIZE), 0.2), torch.full((1, 3, SIZE, SIZE), 0.9)
    kept = with_strays(plate, image, shown[None, None].float(), shown[None, None])
    assert torch.equal(kept, plate) is not is_kept
    assert torch.equal(kept[0, :, shown], (image if is_kept else plate)[0, :, shown])
    assert torch.equal(kept[0, :, Y < 0.5], plate[0, :, Y < 0.5])
