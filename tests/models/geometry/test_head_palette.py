"""Colours of hair and skin, and which of both a colour looks like."""

import torch
from torch import Tensor

from models.geometry.grid import unit_grid
from models.geometry.head_palette import Palette, hair_likeness, head_palette, main_colours, skin_likeness

SIDE = 96
SKIN, BLOND, LOCK, LINE = (0.87, 0.68, 0.58), (0.66, 0.55, 0.36), (0.28, 0.2, 0.1), (0.05, 0.05, 0.08)


def head(*hair: tuple[float, float, float]) -> Tensor:
    """(1, 3, SIDE, SIDE) a chart with skin in its middle and stripes of hair above."""
    x, y = unit_grid(SIDE, torch.device("cpu"))[0].unbind(-1)
    stripe = ((x + 1) * 20).long() % len(hair)
    return torch.where((y < -0.4)[..., None], torch.tensor(hair)[stripe], torch.tensor(SKIN)).permute(2, 0, 1)[None]


def palette(*hair: tuple[float, float, float]) -> Palette:
    return head_palette(head(*hair), torch.ones(1, 1, SIDE, SIDE))


def likeness(colour: tuple[float, float, float], of: Palette) -> tuple[float, float]:
    """How much one colour looks like hair, and like skin."""
    pixel = torch.tensor(colour).view(1, 3, 1, 1)
    return hair_likeness(pixel, of).item(), skin_likeness(pixel, of).item()


def test_head_palette_finds_the_colours_of_crown_and_cheeks() -> None:
    found = palette(BLOND, LOCK)
    assert (found.skin - torch.tensor(SKIN)).abs().max() < 0.02
    for colour in (BLOND, LOCK):
        assert (found.hair[0] - torch.tensor(colour)).norm(dim=-1).min() < 0.03


def test_hair_likeness_tells_blond_hair_and_its_dark_locks_from_skin() -> None:
    found = palette(BLOND, LOCK)
    assert likeness(BLOND, found)[0] > 0.95 and likeness(LOCK, found)[0] > 0.95
    assert likeness(SKIN, found) == (0, 1)


def test_what_is_neither_hair_nor_skin_looks_like_none() -> None:
    found = palette(BLOND)
    assert likeness(LINE, found) == (0, 0) and likeness((0.1, 0.3, 0.9), found) == (0, 0)


def test_where_hair_has_the_colour_of_skin_both_look_like_both() -> None:
    assert min(likeness(SKIN, palette(SKIN))) > 0.95


def test_main_colours_of_a_picture_that_shows_nothing_are_finite() -> None:
    assert main_colours(torch.rand(1, 50, 3), torch.zeros(1, 50, 1)).isfinite().all()
