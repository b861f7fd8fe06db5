"""Layers of a picture: what stands behind the head, and textures at twice the resolution."""

import torch
from torch import Tensor

from models.geometry.picture_layers import (
    as_texture,
    clean_plate,
    continued_behind,
    double_resolution,
    person_over_plate,
    replace_head,
)
from models.geometry.rig import Rig
from tests.support.solid_heads import BACKGROUND, CLOTHES, HAIR, PICTURE_SIDE, SKIN, picture_of, rgb

SIDE = 256
NECK, SHOULDERS = slice(108, 148), slice(40, 216)  # columns
SHOULDERS_TOP = 200  # rows
HEAD_CENTRE, HEAD_RADIUS = (110, 128), 60  # row and column
CHIN_ROW = HEAD_CENTRE[0] + HEAD_RADIUS


def person(hair: bool = False) -> tuple[Tensor, Tensor]:
    """A person (1, 4, S, S) with neck and shoulders, premultiplied, and their head's coverage (1, 1, S, S).

    hair: long hair falls on both sides of the head to the shoulders.
    """
    layer = torch.zeros(1, 4, SIDE, SIDE)

    def paint(rows: slice, columns: slice, colour: tuple[float, float, float]) -> None:
        layer[0, :, rows, columns] = torch.tensor([*colour, 1.0])[:, None, None]

    if hair:
        paint(slice(60, 230), slice(HEAD_CENTRE[1] - HEAD_RADIUS - 20, HEAD_CENTRE[1] + HEAD_RADIUS + 20), HAIR)
    paint(slice(SHOULDERS_TOP, SIDE), SHOULDERS, CLOTHES)
    paint(slice(CHIN_ROW - 30, SHOULDERS_TOP), NECK, SKIN)
    line = torch.arange(SIDE, dtype=torch.float32)
    from_centre = torch.hypot(line[:, None] - HEAD_CENTRE[0], line - HEAD_CENTRE[1])
    head = (from_centre < HEAD_RADIUS).float()
    face = torch.tensor([0.9, 0.1, 0.1, 1.0])[:, None, None]
    return torch.lerp(layer, face.expand_as(layer), head), head[None, None]


def test_the_neck_goes_up_behind_the_chin_and_the_background_stays_empty_beside_it() -> None:
    layer, head = person()
    body = replace_head(layer, continued_behind(layer, head), head)
    rows = slice(CHIN_ROW - 14, CHIN_ROW - 4)
    neck = body[0, :, rows, NECK.start + 10 : NECK.stop - 10]
    assert neck[3].min() > 0.75 and neck[3].mean() > 0.95
    straight = neck[:3] / neck[3:]
    assert (straight - rgb(SKIN)[:, None, None]).abs().max() < 0.05  # and not the face's colour
    inside = head[0, 0] > 0.5
    inside[:, NECK.start - 10 : NECK.stop + 10] = False
    assert inside[CHIN_ROW - 30 : CHIN_ROW].sum() > 100
    assert body[0, 3][inside].max() < 0.05
    assert body[0, 3, HEAD_CENTRE[0] - 40, HEAD_CENTRE[1]] < 0.05  # nor is there anything behind the forehead


def test_long_hair_goes_on_behind_the_head() -> None:
    layer, head = person(hair=True)
    body = replace_head(layer, continued_behind(layer, head), head)
    middle = body[0, :, HEAD_CENTRE[0] - 10 : HEAD_CENTRE[0] + 10, HEAD_CENTRE[1] - 40 : HEAD_CENTRE[1] + 40]
    assert middle[3].min() > 0.95
    assert (middle[:3] - rgb(HAIR)[:, None, None]).abs().max() < 0.45  # hair, with some of the neck's skin
    edge = body[0, :3, HEAD_CENTRE[0], HEAD_CENTRE[1] - HEAD_RADIUS + 4]
    assert (edge - rgb(HAIR)).abs().max() < 0.1


def test_what_the_head_does_not_cover_stays_exactly() -> None:
    layer, head = person(hair=True)
    other = layer * 0.5
    body = replace_head(layer, continued_behind(other, head), head)
    assert torch.equal(torch.where(head < 0.99, body, 0), torch.where(head < 0.99, layer, 0))
    assert body.min() >= 0 and body.max() <= 1


def test_a_head_that_covers_all_leaves_nothing_behind_it() -> None:
    layer, head = person()
    body = replace_head(layer, continued_behind(layer, torch.ones_like(head)), torch.ones_like(head))
    assert torch.isfinite(body).all() and body[:, 3].max() < 1e-3


def test_a_body_without_its_head_keeps_neck_and_clothes() -> None:
    rig = Rig.build(*picture_of())
    body = rig.own.body[..., ::2, ::2]
    assert (rig.body_matte - body[:, 3:]).abs().max() < 1e-6
    shoulder = slice(int(0.85 * PICTURE_SIDE), PICTURE_SIDE)
    assert torch.equal(body[:, :, shoulder], rig.own.head[..., ::2, ::2][:, :, shoulder])


def test_a_person_over_their_plate_is_the_picture() -> None:
    view = picture_of()
    matte = view.matte * 0.7
    for plate in (clean_plate(view.image, matte), torch.rand(view.image.shape, generator=torch.Generator())):
        layer = person_over_plate(view.image, matte, plate)
        assert (layer[:, :3] + (1 - layer[:, 3:]) * plate - view.image).abs().max() < 1e-6


def test_the_plate_shows_nothing_of_the_person() -> None:
    view = picture_of()
    assert (clean_plate(view.image, view.matte) - rgb(BACKGROUND)[:, None, None]).abs().max() < 1e-3


def test_a_texture_keeps_every_pixel_at_its_even_places() -> None:
    maps = torch.rand(2, 4, 9, 9, generator=torch.Generator().manual_seed(1))
    doubled = double_resolution(maps)
    assert doubled.shape == (2, 4, 17, 17) and torch.equal(doubled[..., ::2, ::2], maps)
    even = double_resolution(torch.full((1, 4, 9, 9), 0.25))
    assert torch.allclose(even, torch.full_like(even, 0.25), atol=1e-5)
    assert as_texture(maps).is_contiguous(memory_format=torch.channels_last)
