"""Which pixels of a picture are hair, and which are skin."""

import torch
from torch import Tensor

from models.geometry.head_parts import find_parts
from models.geometry.topology import LEFT_IRIS, RIGHT_IRIS, head_pose, topology
from models.geometry.views import View
from tests.support.solid_heads import HAIR, SCALE, Colours, bare_sides, picture_of, rgb

SIDE = 192


def parts_of(view: View, box: tuple[float, float, float] = (0.0, 0.0, 0.9)) -> Tensor:
    """(2, S, S) hair and skin of a picture."""
    person = torch.cat([view.image * view.matte, view.matte], 1)
    return find_parts(person, view.face, head_pose(view.face), torch.tensor([box])).on_canvas(view.image.shape[-1])[0]


def pixel(size: int, x: float, y: float) -> tuple[int, int]:
    """Column and row of a place, canonical units, of a head that is not turned."""
    column, row = (round((1 + SCALE * value) * size / 2) for value in (x, y))
    return column, row


def mean_at(parts: Tensor, x: float, y: float) -> tuple[float, float]:
    """Mean hair and skin of the 3 × 3 pixels at a place, canonical units, of a head that is not turned."""
    column, row = pixel(parts.shape[-1], x, y)
    hair, skin = parts[:, row - 1 : row + 2, column - 1 : column + 2].mean((1, 2)).tolist()
    return hair, skin


def test_hair_and_skin_of_a_plain_head_are_told_apart() -> None:
    parts = parts_of(picture_of())
    for x, y, expected in ((0.0, -1.0, (1, 0)), (0.93, 0.1, (1, 0)), (-0.93, 0.1, (1, 0)), (0.4, 0.4, (0, 1))):
        hair, skin = mean_at(parts, x, y)
        assert abs(hair - expected[0]) < 0.1 and abs(skin - expected[1]) < 0.1, (x, y, hair, skin)
    assert parts[:, :10].max() == 0  # the background


def test_hair_in_the_light_and_skin_in_the_shade_of_one_colour_are_told_apart() -> None:
    """Light from the left makes hair there as bright as the right cheek is."""

    def lit(colours: Colours) -> Colours:
        return lambda place: colours(place) * (0.6 - 1.1 * place[:, :1]).clamp(0.2, 1.2)

    view = picture_of(0, lit(bare_sides))
    column, row = pixel(view.image.shape[-1], -0.4, -1.0)
    bright = view.image[0, :, row, column].mean()
    column, row = pixel(view.image.shape[-1], 0.4, 0.3)
    assert bright > view.image[0, :, row, column].mean()
    parts = parts_of(view)
    for x in (-0.4, 0.0, 0.4):
        hair, skin = mean_at(parts, x, -1.0)
        assert hair > 0.9 and skin < 0.1, (x, hair, skin)
        hair, skin = mean_at(parts, x, 0.3)
        assert skin > 0.9 and hair < 0.1, (x, hair, skin)


def test_eyes_as_dark_as_hair_are_no_hair() -> None:
    places = topology().canonical[[RIGHT_IRIS, LEFT_IRIS], :2]

    def dark_eyes(place: Tensor) -> Tensor:
        near = torch.cdist(place[:, :2], places).amin(-1, keepdim=True) < 0.09
        return torch.where(near & (place[:, 2:] < 0.3), rgb(HAIR), bare_sides(place))

    view = picture_of(0, dark_eyes)
    for x, y in places.tolist():
        column, row = pixel(view.image.shape[-1], x, y)
        assert (view.image[0, :, row, column] - rgb(HAIR)).abs().max() < 0.05
        assert mean_at(parts_of(view), x, y)[0] < 0.1, (x, y)


def test_beyond_the_box_nothing_is_told() -> None:
    parts = parts_of(picture_of(), (0.0, 0.0, 0.4))
    outside = parts.shape[-1] * 3 // 10 - 1
    assert parts[:, :outside].max() == 0 and parts[:, :, :outside].max() == 0 and parts.max() > 0.9


def test_parts_of_a_batch_equal_those_of_its_pictures() -> None:
    views = picture_of(), picture_of(30, bare_sides)
    both = View(*(torch.cat(part) for part in zip(*views, strict=True)))
    person = torch.cat([both.image * both.matte, both.matte], 1)
    box = torch.tensor([[0.0, 0.0, 0.9]]).expand(2, -1)
    joint = find_parts(person, both.face, head_pose(both.face), box).on_canvas(both.image.shape[-1])
    for view, alone in zip(views, joint, strict=True):
        assert torch.allclose(parts_of(view), alone, atol=1e-4)


def test_parts_of_a_picture_that_shows_nothing_are_finite() -> None:
    view = picture_of()
    empty = View(view.image, torch.zeros_like(view.matte), view.face)
    assert parts_of(empty).isfinite().all()
