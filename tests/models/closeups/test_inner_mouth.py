"""The inside of an opening mouth: teeth hang where they belong, in the picture's own light, and turn with the head."""

import pytest
import torch
from torch import Tensor

from models.closeups.inner_mouth import JAW_SHARE, InnerMouth, draw_inner_mouth
from models.closeups.window import MOUTH_VIEW, Window
from models.geometry.grid import unit_grid
from models.geometry.openings import mouth_share
from models.geometry.topology import CHIN, INNER_LIPS, HeadTransform, rotation_about, topology

SIDE = 64
WHITE, LIPS = (0.9, 0.86, 0.8), (0.7, 0.4, 0.38)


def head_turned(degrees: float = 0.0) -> HeadTransform:
    rotation = rotation_about(torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([degrees]).deg2rad())
    return HeadTransform(torch.tensor([0.3]), rotation, torch.zeros(1, 3))


def inner_mouth(detail: float = 1.0, lit: tuple[float, float] = (1.0, 1.0)) -> InnerMouth:
    """Of the canonical face in a picture whose skin has texture or none, brighter on one side."""
    generator = torch.Generator().manual_seed(3)
    face, head = head_turned().apply(topology().canonical[None]), head_turned()
    pixels = torch.tensor(WHITE).view(1, 3, 1, 1) * 0.7 + detail * 0.02 * torch.randn(
        1, 1, SIDE, SIDE, generator=generator
    )
    x, y = unit_grid(SIDE, torch.device("cpu"))[0].unbind(-1)
    pixels = pixels * torch.where(x < 0, *lit)
    outer = ((x.abs() < 0.6) & ((y + 0.1).abs() < 0.2)).float()
    pixels = torch.lerp(pixels, torch.tensor(LIPS).view(1, 3, 1, 1).expand_as(pixels), outer)
    rings = torch.stack([torch.zeros_like(outer), outer])[None]
    return InnerMouth.of(face, head, pixels, rings, torch.tensor([WHITE]))


def drawn(
    inner: InnerMouth, opening: float, jaw: float, degrees: float = 0.0, smile: float = 0.0
) -> tuple[Tensor, Tensor]:
    """The inside, and the rows between the lips: the lower lip and the chin of the canonical face moved down, its mouth
    made wider by a share.
    """
    shape, head = topology().canonical[None].clone(), head_turned(degrees)
    shape[:, list(INNER_LIPS[11:]), 1] += opening
    shape[:, CHIN, 1] += jaw
    shape[..., 0] *= 1 + smile * mouth_share(shape.device)
    face = head.apply(shape)
    window = Window.of(MOUTH_VIEW, head)
    ring = window.to_window(face[:, list(INNER_LIPS), :2])
    y = unit_grid(SIDE, face.device)[0, :, :, 1]
    inside = (y > ring[0, :, 1].amin()) & (y < ring[0, :, 1].amax())
    return draw_inner_mouth(inner, window, head, face, ring, SIDE), inside


def lightness(picture: Tensor) -> Tensor:
    return picture[0].mean(0)


def test_upper_teeth_stand_still_and_lower_ones_follow_the_jaw() -> None:
    inner, column = inner_mouth(), SIDE // 2 + 3
    ends = []
    for jaw in (0.15, 0.25):
        picture, inside = drawn(inner, 0.4, jaw)
        red, _, blue = picture[0, :, :, column]
        tooth = torch.nonzero((blue > 0.6 * red) & (red > 0.25) & inside[:, column])[:, 0]
        gap = int(tooth.diff().argmax())  # the dark between the rows
        ends.append((int(tooth[gap]), int(tooth[gap + 1])))
    (upper, lower), (upper_later, lower_later) = ends
    assert upper == upper_later
    assert lower_later - lower == pytest.approx(0.1 * JAW_SHARE / MOUTH_VIEW.half_side * SIDE / 2, abs=1.5)


def test_a_smile_shows_teeth_as_white_as_the_pictures_white_and_darker_at_the_sides() -> None:
    picture, inside = drawn(inner_mouth(), 0.15, 0.1, smile=0.3)
    light, middle = lightness(picture), SIDE // 2
    teeth, side = (float(light[:, at].masked_fill(~inside[:, at], 0).max()) for at in (middle + 3, middle + 14))
    assert 0.7 < teeth < 0.95 and 0.3 < side < 0.9 * teeth
    gape, inside = drawn(inner_mouth(), 0.3, 0.3)
    assert float(lightness(gape)[inside].min()) < 0.15  # the dark between the rows


@pytest.mark.parametrize("degrees", [-30.0, 30.0])
def test_a_turn_moves_the_row_and_narrows_its_far_side(degrees: float) -> None:
    flat = inner_mouth(detail=0.0)
    straight, turned = (lightness(drawn(flat, 0.2, 0.2, turn)[0]) for turn in (0.0, degrees))
    assert torch.isfinite(turned).all() and float((straight - turned).abs().max()) > 0.1
    assert torch.allclose(straight, straight.flip(1), atol=0.02)
    mirrored = lightness(drawn(flat, 0.2, 0.2, -degrees)[0]).flip(1)
    assert float((turned - mirrored).abs().mean()) < 0.01


def test_a_flat_drawing_has_rows_without_lines_and_a_photograph_has_lines() -> None:
    spread = []
    for detail in (0.0, 1.0):
        inner = inner_mouth(detail)
        assert float(inner.detail) == pytest.approx(detail, abs=0.02)
        row = lightness(drawn(inner, 0.2, 0.2)[0])
        band = row[row.mean(1).argmax(), SIDE // 2 - 8 : SIDE // 2 + 8]
        spread.append(float((band - band.roll(1)).abs()[1:].max()))
    assert spread[0] < 0.03 < spread[1]


def test_the_inside_is_lit_as_its_side_of_the_face() -> None:
    picture, inside = drawn(inner_mouth(lit=(1.0, 0.7)), 0.2, 0.2)
    light = lightness(picture) * inside
    assert float(light[:, : SIDE // 2].sum()) > 1.1 * float(light[:, SIDE // 2 :].sum())


def test_each_of_a_batch_is_drawn_alone() -> None:
    one, two = inner_mouth(), inner_mouth(0.0, (1.0, 0.6))
    both = InnerMouth(*(torch.cat(parts) for parts in zip(one, two, strict=True)))
    head = HeadTransform(*(part.expand(2, *part.shape[1:]) for part in head_turned(10.0)))
    shape = topology().canonical[None].clone()
    shape[:, list(INNER_LIPS[11:]), 1] += 0.2
    face = head.apply(shape.expand(2, -1, -1))
    window = Window.of(MOUTH_VIEW, head)
    ring = window.to_window(face[:, list(INNER_LIPS), :2])
    together = draw_inner_mouth(both, window, head, face, ring, SIDE)
    for index, inner in enumerate((one, two)):
        alone = slice(index, index + 1)
        of_one = HeadTransform(*(part[alone] for part in head))
        expected = draw_inner_mouth(inner, window.select(alone), of_one, face[alone], ring[alone], SIDE)
        assert torch.allclose(together[alone], expected, atol=1e-5)
