"""Hazes of teeth are decided, the picture's own teeth are found and stay rigid."""

import torch
from torch import Tensor

from models.closeups.teeth import chroma_range, decide_teeth, teeth_source, tooth_gaps, visible_teeth
from models.geometry.grid import unit_grid

SIDE = 96  # pixels of the window
GREY = torch.full((1, 3, SIDE, SIDE), 0.5)


def tint(*rgb: float) -> Tensor:
    """(1, 3, 1, 1) a colour by which pictures are multiplied."""
    return torch.tensor(rgb).view(1, 3, 1, 1)


YELLOW = tint(1.0, 0.7, 0.3)


def haze(light: float = 0.6, dark: float = 0.2) -> tuple[Tensor, Tensor]:
    """A light band across a dark mouth, fading up and down: paint, and where it is invented."""
    x, y = unit_grid(SIDE, torch.device("cpu"))[0].unbind(-1)
    band = torch.exp(-((y / 0.15) ** 2))
    paint = (dark + (light - dark) * band)[None, None].expand(-1, 3, -1, -1)
    return paint, ((x.abs() < 0.7) & (y.abs() < 0.3)).float()[None, None]


def test_decide_teeth_turns_a_haze_into_teeth_and_the_dark_behind_them() -> None:
    paint, invented = haze()
    decided = decide_teeth(paint, invented, chroma_range(GREY))[0, 0]
    column = SIDE // 2 + 5  # within an incisor
    inside = decided[invented[0, 0, :, column] > 0, column]
    assert float(inside.max()) > 0.57 and float(inside.min()) < 0.27
    between = ((inside > 0.3) & (inside < 0.5)).sum()
    assert int(between) <= 4 < int(((paint[0, 0, :, column] > 0.3) & (paint[0, 0, :, column] < 0.5)).sum())


def test_tooth_gaps_are_symmetric() -> None:
    paint, invented = haze()
    row = decide_teeth(paint, invented, chroma_range(GREY))[0, 0, SIDE // 2]
    assert torch.allclose(row, row.flip(0), atol=1e-5)
    middle = row[SIDE // 2 - 1 : SIDE // 2 + 1]
    assert float(middle.max()) < 0.9 * float(row[SIDE // 2 + 5])
    line = tooth_gaps(SIDE, paint.device)[0, 0, 0]
    minima = ((line[1:-1] > line[:-2]) & (line[1:-1] >= line[2:])).sum()
    assert 8 <= int(minima) <= 11 and float(line[:8].max()) < 0.01


def test_decide_teeth_draws_no_gaps_in_a_tongue() -> None:
    paint, invented = haze()
    tongue = paint * tint(1.0, 0.5, 0.5)
    row = decide_teeth(tongue, invented, chroma_range(GREY))[0, 0, SIDE // 2, 20:-20]
    assert float(row.max() - row.min()) < 0.01


def test_decide_teeth_keeps_pixels_without_contrast_and_pixels_that_are_not_invented() -> None:
    paint, invented = haze(0.42, 0.4)
    assert torch.equal(decide_teeth(paint, invented, chroma_range(GREY)), paint)
    paint, invented = haze()
    changed = (decide_teeth(paint, invented, chroma_range(GREY)) - paint).abs().amax(1, keepdim=True)
    assert float(changed[invented == 0].max()) == 0
    assert torch.equal(decide_teeth(paint, 0 * invented, chroma_range(GREY)), paint)


def test_decide_teeth_keeps_the_colour_of_the_haze() -> None:
    paint, invented = haze()
    warm = tint(1.0, 0.8, 0.5)
    decided = decide_teeth(paint * warm, invented, chroma_range(GREY * warm))
    share = decided / decided[:, :1]
    assert torch.allclose(share, warm.expand_as(share), atol=1e-3)


def test_decide_teeth_stays_within_the_chroma_range_of_the_picture() -> None:
    paint, invented = haze()
    decided = decide_teeth(paint, invented, chroma_range(GREY * YELLOW))
    inside = (decided * invented).sum((2, 3)) / invented.sum()
    assert torch.allclose(inside / inside[:, :1], YELLOW[..., 0, 0] * torch.tensor([1, 1.1, 1.1]), atol=0.01)
    assert float((decided.mean(1) - decide_teeth(paint, invented, chroma_range(GREY)).mean(1)).abs().max()) < 0.02
    pink = decide_teeth(paint * tint(1.0, 0.6, 0.6), invented, chroma_range(GREY))[..., invented[0, 0] > 0]
    assert torch.allclose(pink[:, 1:], (pink[:, :1] / 1.1).expand(-1, 2, -1), atol=0.01)


def test_decide_teeth_treats_each_mouth_of_a_batch_alone() -> None:
    (one, invented), (two, _) = haze(), haze(0.9, 0.1)
    allowed_chroma = chroma_range(torch.cat([GREY, GREY * YELLOW]))
    both = decide_teeth(torch.cat([one, two]), invented.expand(2, -1, -1, -1), allowed_chroma)
    assert torch.allclose(both[:1], decide_teeth(one, invented, chroma_range(GREY)), atol=1e-6)


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
