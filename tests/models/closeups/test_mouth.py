"""A driver's mouth in another face: where its cells go, and in which colours."""

import pytest
import torch
from torch import Tensor

from models.closeups.mouth import (
    CHEEK_LANDMARKS,
    DRAWN_TONE_SHARE,
    SCLERA_LANDMARKS,
    stretch_driver_mouth,
    tint_driver_mouth,
    white_point,
)
from models.closeups.teeth import chroma_range
from models.geometry.openings import opening
from models.motion import MOUTH_COLUMNS
from tests.support.closeups import mouth_cells


def box_ring(left: float = -0.6, right: float = 0.4, top: float = -0.2, low: float = 0.3) -> Tensor:
    """(1, 20, 2) an opening in the shape of a box, with its corners halfway down."""
    x = torch.linspace(left, right, 11)
    upper, lower = torch.full((11,), top), torch.full((9,), low)
    upper[0] = upper[-1] = (top + low) / 2
    return torch.stack([torch.cat([x, x[1:-1].flip(0)]), torch.cat([upper, lower])], -1)[None]


def stretched(cells: Tensor, inside: Tensor | None = None) -> Tensor:
    """In all of a window unless told where."""
    inside = torch.ones(1, 1, 96, 96) if inside is None else inside
    return stretch_driver_mouth(cells.permute(0, 3, 1, 2), box_ring(), inside)


def test_stretch_driver_mouth_goes_from_corner_to_corner_and_from_lip_to_lip() -> None:
    cells = mouth_cells()
    cells[..., 0] = torch.linspace(0, 1, MOUTH_COLUMNS)  # a ramp from corner to corner
    drawn = stretched(cells, opening(box_ring(), 96))[0]
    line = (torch.arange(96) * 2 + 1) / 96 - 1
    row, column = int((line - 0.0).abs().argmin()), int((line + 0.1).abs().argmin())
    inside = (line > -0.55) & (line < 0.35)
    assert torch.allclose(drawn[0, row, inside], (line[inside] + 0.6) / 1.0, atol=0.02)
    down = drawn[1, :, column]
    assert float(down[(line > -0.18) & (line < 0.0)].min()) > 0.85  # the upper half: teeth
    assert float(down[(line > 0.1) & (line < 0.28)].max()) < 0.15
    assert torch.isfinite(drawn).all()
    assert not drawn[:, :, (line < -0.65) | (line > 0.45)].any()  # beside the opening


def test_white_point_is_the_lighter_of_cheeks_and_sclera() -> None:
    picture, face = torch.full((2, 3, 64, 64), 0.1), torch.zeros(2, 478, 3)
    face[:, list(CHEEK_LANDMARKS), 0] = -0.5
    for start, end in SCLERA_LANDMARKS:
        face[:, start, 0] = face[:, end, 0] = 0.5
    skin, sclera = torch.tensor([0.7, 0.5, 0.4]), torch.tensor([[0.9, 0.9, 0.8], [0.3, 0.3, 0.3]])
    picture[:, :, :, :32] = skin[:, None, None]
    picture[:, :, :, 32:] = sclera[:, :, None, None]
    assert torch.allclose(white_point(picture, face), torch.stack([sclera[0], skin]), atol=1e-5)


def test_tint_driver_mouth_mixes_both_mean_colours_and_keeps_the_drivers_contrast() -> None:
    shown = stretched(mouth_cells(0.7, 0.3))
    paint = torch.full((1, 3, 96, 96), 0.3)
    drawn = tint_driver_mouth(shown, paint, chroma_range(paint))
    driver_mean = float(shown[:, :3].mean())
    assert float(drawn.mean()) == pytest.approx(driver_mean + DRAWN_TONE_SHARE * (0.3 - driver_mean), abs=0.02)
    rows = drawn[0, 0, :, 40]
    assert float(rows.max() - rows.min()) == pytest.approx(0.4, abs=0.02)


def test_tint_driver_mouth_leaves_nothing_red_in_a_grey_picture() -> None:
    red = stretched(mouth_cells()) * torch.tensor([1.0, 0.5, 0.5, 1.0]).view(1, 4, 1, 1)
    grey = torch.full((1, 3, 96, 96), 0.5)
    drawn = tint_driver_mouth(red, grey, chroma_range(grey))
    assert float((drawn.amax(1) - drawn.amin(1)).max()) < 0.1 < 0.4 * float(red[:, 0].max())
