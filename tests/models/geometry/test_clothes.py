"""Clothes go on behind an arm as they are above and below it, along the outline of the torso."""

import torch

from models.geometry.clothes import continue_clothes, continue_torso
from models.geometry.grid import unit_grid
from models.geometry.torso_outline import BELOW, ROWS, TorsoRows, no_rows
from tests.support.bodies import figure_joints

SIZE = 128
X, Y = unit_grid(SIZE, torch.device("cpu"))[0].unbind(-1)
WHITE, GREY = torch.ones(3, 1, 1), torch.full((3, 1, 1), 0.3)


def test_clothes_that_are_hidden_go_on_from_the_nearest() -> None:
    colours = torch.where(X < 0, WHITE, GREY)[None]
    known = ((Y < -0.2) | (Y > 0.2))[None, None]
    filled = continue_clothes(colours * known, known)
    middle = Y.abs() < 0.1
    assert filled[0, :, middle & (X < -0.1)].min() > 0.9
    assert filled[0, :, middle & (X > 0.1)].max() < 0.4
    assert (filled - colours)[known.expand_as(colours)].abs().max() == 0


def test_one_known_row_of_a_map_that_is_no_square_goes_on_to_its_end() -> None:
    known = torch.zeros(1, 1, 192, 128, dtype=torch.bool)
    for row in (0, 191):
        only = known.clone()
        only[..., row, :] = True
        filled = continue_clothes(only.float().expand(1, 3, 192, 128), only)
        torch.testing.assert_close(filled, torch.ones_like(filled), rtol=0, atol=1e-3)


def test_rows_that_are_farther_than_a_map_is_wide_are_known() -> None:
    known = torch.zeros(1, 1, 192, 128, dtype=torch.bool)
    known[..., 0, :] = True
    colours = torch.where(torch.arange(128) < 64, WHITE, GREY)[None].expand(1, 3, 192, 128)
    filled = continue_clothes(colours * known, known)
    assert filled[..., 130:140, 10:40].min() > 0.8 and filled[..., 130:140, 90:120].max() < 0.5


def test_a_shirt_along_a_slanting_outline_goes_on_behind_an_arm_before_it() -> None:
    joints = figure_joints()
    along = torch.linspace(0, 1 + BELOW, ROWS)
    rows = TorsoRows(0.3 * along[None] - 0.15, torch.full((1, ROWS), 0.2), torch.ones(1, ROWS))
    top = joints[0, 11:13, :2].mean(0)
    length = float((joints[0, 23:25, :2].mean(0) - top).norm())
    side = (X - (0.3 * (Y - top[1]) / length - 0.15)) / 0.2  # half widths beside the middle
    colours = torch.where(side > 0.5, WHITE, GREY)[None]
    at = (Y - top[1]) / length
    known = ((side.abs() < 1) & ((at < 0.3) | (at > 0.7)))[None, None]
    filled = continue_torso(colours * known, known, rows, joints)
    hidden = (at > 0.4) & (at < 0.6)
    assert filled[0, :, hidden & (side > 0.65) & (side < 0.9)].min() > 0.8
    assert filled[0, :, hidden & (side > -0.9) & (side < 0.35)].max() < 0.45


def test_people_without_a_torso_are_continued_along_the_axes() -> None:
    colours, known = torch.where(X < 0, WHITE, GREY)[None], ((Y < -0.2) | (Y > 0.2))[None, None]
    rows = no_rows(1, torch.device("cpu"))
    filled = continue_torso(colours * known, known, rows, torch.zeros(1, 33, 4))
    torch.testing.assert_close(filled, continue_clothes(colours * known, known))
