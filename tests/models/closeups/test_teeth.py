"""The picture's own teeth are found and stay rigid, and no colour leaves the range of the picture."""

import torch
from torch import Tensor

from models.closeups.teeth import chroma_range, clamp_chroma, teeth_source, visible_teeth
from models.geometry.grid import unit_grid

SIDE = 96  # pixels of the window
GREY = torch.full((1, 3, SIDE, SIDE), 0.5)


def tint(*rgb: float) -> Tensor:
    """(1, 3, 1, 1) a colour by which pictures are multiplied."""
    return torch.tensor(rgb).view(1, 3, 1, 1)


YELLOW = tint(1.0, 0.7, 0.3)


def test_clamp_chroma_stays_within_the_chroma_range_of_the_picture_and_as_light() -> None:
    clamped = clamp_chroma(GREY, chroma_range(GREY * YELLOW))
    share = clamped.mean((2, 3)) / clamped[:, :1].mean((2, 3))
    assert torch.allclose(share, YELLOW[..., 0, 0] * torch.tensor([1, 1.1, 1.1]), atol=0.01)
    assert torch.allclose(clamped.mean(1), GREY.mean(1), atol=0.02)
    pink = clamp_chroma(GREY * tint(1.0, 0.6, 0.6), chroma_range(GREY))
    assert torch.allclose(pink[:, 1:], (pink[:, :1] / 1.1).expand(-1, 2, -1, -1), atol=0.01)
    two = clamp_chroma(GREY.expand(2, -1, -1, -1), chroma_range(torch.cat([GREY, GREY * YELLOW])))
    assert torch.allclose(two[:1], GREY, atol=1e-6) and torch.allclose(two[1:], clamped, atol=1e-6)


def smile(wide: float = 0.54) -> tuple[Tensor, Tensor]:
    """A mouth with a row of teeth above a dark, and a tongue below: picture, opening. wide: half of the row."""
    x, y = unit_grid(SIDE, torch.device("cpu"))[0].unbind(-1)
    opening = ((x.abs() < 0.6) & (y > -0.2) & (y < 0.3)).float()[None, None]
    colour = torch.tensor([0.75, 0.5, 0.45]).view(3, 1, 1).expand(-1, SIDE, SIDE).clone()  # lips and skin
    colour[:, (opening[0, 0] > 0)] = 0.1
    row = (x.abs() < wide) & (y > -0.2) & (y < 0.1)
    colour[:, row] = torch.tensor([0.9, 0.88, 0.8])[:, None]
    colour[:, row & ((x * 10).frac().abs() < 0.1)] = 0.3  # lines
    colour[:, (x.abs() < 0.3) & (y > 0.2) & (y < 0.3)] = torch.tensor([0.8, 0.4, 0.4])[:, None]
    return colour[None], opening


def test_visible_teeth_include_the_gaps_between_them() -> None:
    found = visible_teeth(*smile())[0, 0]
    unit = SIDE / 2
    row = found[int(0.85 * unit) : int(0.95 * unit), int(0.66 * unit) : int(1.34 * unit)]
    assert float(row.min()) > 0.9
    assert float(found[int(1.17 * unit) :].max()) < 0.05  # dark and tongue
    assert float(found[: int(0.78 * unit)].max()) == 0  # skin, though pale
    assert float(visible_teeth(smile()[0] * 0.05, smile()[1]).max()) < 0.05  # all dark
    assert float(visible_teeth(*smile(0.2)).max()) < 0.05  # one or two, which would stand alone in a grin


def test_teeth_source_keeps_teeth_in_place_and_lengthens_them_upwards_only() -> None:
    x = torch.linspace(-0.6, 0.6, 11)
    upper, lower = torch.full((11,), -0.2), torch.full((9,), 0.0)
    upper[0] = upper[-1] = 0.0
    rest = torch.stack([torch.cat([x, x[1:-1].flip(0)]), torch.cat([upper, lower])], -1)
    raised, dropped, lowered = rest.clone(), rest.clone(), rest.clone()
    raised[1:10, 1] -= 0.1
    dropped[11:, 1] += 0.3
    lowered[1:10, 1] += 0.1
    grid = unit_grid(SIDE, x.device)[0]
    for now in (dropped, lowered):
        assert torch.equal(teeth_source(torch.stack([rest, now])[None], SIDE)[0], grid)
    there = teeth_source(torch.stack([rest, raised])[None], SIDE)[0]
    middle, unit = SIDE // 2, 2 / SIDE
    column, y = there[:, middle, 1], grid[:, middle, 1]
    assert torch.allclose(column[y > 0], y[y > 0])  # the tips, and below
    top = int((y > -0.3).nonzero()[0])
    assert abs(float(column[top]) + 0.2) < unit
    assert bool((column.diff() > 0).all()) and torch.equal(there[..., 0], grid[..., 0])
