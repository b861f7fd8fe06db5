"""Eyeballs completed behind their lids, against eyes that are known whole."""

import pytest
import torch
from torch import Tensor

from models.closeups.eyeball import complete_eyeball
from models.geometry.grid import unit_grid
from models.geometry.openings import erode

SIDE, RADIUS = 48, 0.3
PUPIL = torch.tensor([[0.1, -0.05]])


def whole() -> Tensor:
    """A white ball with a blue iris, darker at its rim, and a black pupil."""
    away = (unit_grid(SIDE, torch.device("cpu")) - PUPIL[:, None, None]).norm(dim=-1)[0]
    iris = torch.stack([0.1 + 0 * away, 0.3 + 0 * away, 0.9 - away / RADIUS * 0.4])
    picture = torch.where(away < RADIUS, iris, 0.95)
    return torch.where(away < RADIUS / 3, 0.02, picture)[None]


def behind_lids(high: float, low: float) -> tuple[Tensor, Tensor]:
    """The eye between skin and lashes: picture and opening, of which y from `high` to `low` is open."""
    y = unit_grid(SIDE, torch.device("cpu"))[0, ..., 1]
    open_ = ((y > high) & (y < low)).float()[None, None]
    skin = torch.tensor([0.8, 0.5, 0.4]).view(1, 3, 1, 1).expand(-1, -1, SIDE, SIDE)
    picture = torch.where(open_ > 0, whole(), skin)
    picture[:, :, open_[0, 0, :, 0].argmax()] = 0.05  # lashes over the edge of what is open
    return picture, open_


def test_hidden_parts_have_the_colours_of_what_is_seen_as_far_from_the_pupil() -> None:
    picture, open_ = behind_lids(-0.2, 0.2)
    ball, known = complete_eyeball(picture, open_, PUPIL, torch.tensor([RADIUS]))
    away = (unit_grid(SIDE, picture.device) - PUPIL[:, None, None]).norm(dim=-1)
    firm = ((away - RADIUS).abs() > 0.06) & ((away - RADIUS / 3).abs() > 0.06)  # not where colours meet
    assert float(known) == 1
    assert float((ball - whole()).abs().amax(1)[firm].max()) < 0.12
    assert torch.equal(torch.where(erode(open_) == 1, ball, 0), torch.where(erode(open_) == 1, picture, 0))


def test_the_white_is_the_lightest_that_is_seen() -> None:
    picture, open_ = behind_lids(-0.2, 0.2)
    picture[..., 36:] = torch.where(open_[..., 36:] > 0, 0.5, picture[..., 36:])  # an eye's corner, in the shade
    ball, _ = complete_eyeball(picture, open_, PUPIL, torch.tensor([RADIUS]))
    assert float(ball[..., :4, :].min()) > 0.85


@pytest.mark.parametrize("high", [0.0, 0.19])
def test_a_shut_eye_tells_nothing(high: float) -> None:
    picture, _ = behind_lids(-0.2, 0.2)
    open_ = torch.zeros(1, 1, SIDE, SIDE)
    open_[..., 24, 20:28] = high
    ball, known = complete_eyeball(picture, open_, PUPIL, torch.tensor([RADIUS]))
    assert float(known) == 0 and bool(torch.isfinite(ball).all())


def test_eyes_of_a_batch_do_not_know_each_other() -> None:
    picture, open_ = behind_lids(-0.2, 0.2)
    one = complete_eyeball(picture, open_, PUPIL, torch.tensor([RADIUS]))[0]
    two = complete_eyeball(
        torch.cat([picture, 1 - picture]), open_.expand(2, -1, -1, -1), PUPIL.expand(2, -1), torch.tensor([RADIUS] * 2)
    )[0]
    assert torch.allclose(one[0], two[0], atol=1e-6)
