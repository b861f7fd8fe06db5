"""Eyeballs completed behind their lids, compared with eyes that are known whole."""

import pytest
import torch
from torch import Tensor

from models.closeups.eyeball import complete_eyeball
from models.geometry.grid import unit_grid
from models.geometry.openings import erode

SIDE, RADIUS = 48, 0.3
PUPIL = torch.tensor([[0.1, -0.05]])


def whole_eye() -> Tensor:
    """A white ball with a blue iris, darker at its rim, and a black pupil."""
    distance = (unit_grid(SIDE, torch.device("cpu")) - PUPIL[:, None, None]).norm(dim=-1)[0]
    iris = torch.stack([0.1 + 0 * distance, 0.3 + 0 * distance, 0.9 - distance / RADIUS * 0.4])
    picture = torch.where(distance < RADIUS, iris, 0.95)
    return torch.where(distance < RADIUS / 3, 0.02, picture)[None]


def behind_lids(high: float, low: float) -> tuple[Tensor, Tensor]:
    """The eye between skin and lashes: picture and opening, where y from `high` to `low` is open."""
    y = unit_grid(SIDE, torch.device("cpu"))[0, ..., 1]
    opening = ((y > high) & (y < low)).float()[None, None]
    skin = torch.tensor([0.8, 0.5, 0.4]).view(1, 3, 1, 1).expand(-1, -1, SIDE, SIDE)
    picture = torch.where(opening > 0, whole_eye(), skin)
    picture[:, :, opening[0, 0, :, 0].argmax()] = 0.05  # lashes over the edge of what is open
    return picture, opening


def test_complete_eyeball_gives_hidden_pixels_the_colour_at_the_same_distance_from_the_pupil() -> None:
    picture, opening = behind_lids(-0.2, 0.2)
    eyeball, confidence = complete_eyeball(picture, opening, PUPIL, torch.tensor([RADIUS]))
    distance = (unit_grid(SIDE, picture.device) - PUPIL[:, None, None]).norm(dim=-1)
    uniform = ((distance - RADIUS).abs() > 0.06) & ((distance - RADIUS / 3).abs() > 0.06)  # not where colours meet
    assert float(confidence) == 1
    assert float((eyeball - whole_eye()).abs().amax(1)[uniform].max()) < 0.12
    assert torch.equal(torch.where(erode(opening) == 1, eyeball, 0), torch.where(erode(opening) == 1, picture, 0))


def test_complete_eyeball_takes_the_lightest_visible_sclera_as_white() -> None:
    picture, opening = behind_lids(-0.2, 0.2)
    picture[..., 36:] = torch.where(opening[..., 36:] > 0, 0.5, picture[..., 36:])  # an eye's corner, in the shade
    eyeball, _ = complete_eyeball(picture, opening, PUPIL, torch.tensor([RADIUS]))
    assert float(eyeball[..., :4, :].min()) > 0.85


@pytest.mark.parametrize("high", [0.0, 0.19])
def test_complete_eyeball_of_a_shut_eye_has_no_confidence(high: float) -> None:
    picture, _ = behind_lids(-0.2, 0.2)
    opening = torch.zeros(1, 1, SIDE, SIDE)
    opening[..., 24, 20:28] = high
    eyeball, confidence = complete_eyeball(picture, opening, PUPIL, torch.tensor([RADIUS]))
    assert float(confidence) == 0 and bool(torch.isfinite(eyeball).all())


def test_complete_eyeball_treats_each_eye_of_a_batch_alone() -> None:
    picture, opening = behind_lids(-0.2, 0.2)
    one = complete_eyeball(picture, opening, PUPIL, torch.tensor([RADIUS]))[0]
    two = complete_eyeball(
        torch.cat([picture, 1 - picture]),
        opening.expand(2, -1, -1, -1),
        PUPIL.expand(2, -1),
        torch.tensor([RADIUS] * 2),
    )[0]
    assert torch.allclose(one[0], two[0], atol=1e-6)
