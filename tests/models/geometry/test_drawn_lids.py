"""Drawn lids come down over an eye that stays in its place, and nothing moves beside them."""

from __future__ import annotations

import pytest
import torch

from models.geometry.drawn_lids import COLUMNS, DrawnLids, Lowered, lower_lids
from models.geometry.grid import unit_grid

SIDE = 96
PLACE = 1.4 * unit_grid(SIDE, torch.device("cpu"))  # (1, n, n, 2)
X, Y = PLACE.unbind(-1)
PIXEL = torch.full((1, 1, 1), 2.8 / SIDE)
TOP, EDGE, SHUT = -1.0, -0.8, 0.6


def lowered(opening: float) -> Lowered:
    lids = DrawnLids.none(1)
    fall = torch.where(torch.linspace(-1.4, 1.4, COLUMNS).abs() < 1, SHUT - EDGE, 0.0)
    lids = lids._replace(top=lids.top + TOP, edge=lids.edge + EDGE, fall=fall.expand(1, 2, -1), drawn=torch.ones(1, 2))
    return lower_lids(lids.of_eye(0), X, Y, torch.full((1, 1, 1), opening), PIXEL)


def test_open_lids_change_nothing() -> None:
    rest = lowered(1.0)
    assert torch.equal(rest.eye_y, Y) and torch.equal(rest.lashes_y, Y)
    assert float(rest.skin.max()) == 0


@pytest.mark.parametrize("opening", [0.7, 0.3, 0.0])
def test_lashes_fall_by_what_is_shut_and_skin_lies_behind_them(opening: float) -> None:
    one, down = lowered(opening), (1 - opening) * (SHUT - EDGE)
    column = SIDE // 2
    y, lashes, skin = Y[0, :, column], one.lashes[0, :, column], one.skin[0, :, column]
    on_lashes, on_skin = (lashes > 0.5) & (skin < 0.5), skin > 0.5
    covered = (y > TOP + 0.03) & (y < EDGE + down - 0.03)
    assert float((1 - (1 - lashes) * (1 - skin))[covered].min()) > 0.99  # nothing of the eye shines through
    assert float(y[on_lashes].min()) == pytest.approx(TOP + down, abs=0.05)
    assert float(y[on_lashes].max()) == pytest.approx(EDGE + down, abs=0.05)
    assert float(y[on_skin].min()) == pytest.approx(TOP, abs=0.05)
    assert float(y[on_skin].max()) == pytest.approx(TOP + down, abs=0.05)
    assert torch.allclose(one.lashes_y[0, on_lashes, column], y[on_lashes] - down)
    assert torch.equal(one.eye_y, Y)  # what they cover does not move


def test_nothing_moves_beside_the_eye() -> None:
    one, outside = lowered(0.0), X[0, 0].abs() > 1.1
    assert torch.equal(one.lashes_y[..., outside], Y[..., outside])
    assert float(one.skin[..., outside].max()) == 0


def test_a_wide_eye_is_stretched_from_its_lower_lid() -> None:
    one, column = lowered(1.2), SIDE // 2
    y, source = Y[0, :, column], one.eye_y[0, :, column]
    inside = (y > EDGE - 0.2 * (SHUT - EDGE) + 0.05) & (y < SHUT)
    assert float(source[inside].min()) == pytest.approx(EDGE, abs=0.08)
    assert bool((source[inside].diff() > 0).all())
    assert torch.equal(source[y > SHUT], y[y > SHUT])
