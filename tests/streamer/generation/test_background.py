"""Backgrounds behind the character."""

import pytest
import torch

from models.geometry.rig import Rig
from streamer.generation.background import background_of, stack_backgrounds
from streamer.generation.controls import Controls
from tests.support.faces import drawn_face

SIDE = 64


@pytest.fixture(scope="module")
def rig() -> Rig:
    return drawn_face(SIDE)


def test_background_of_is_none_for_the_pictures_own(rig: Rig) -> None:
    assert background_of(rig, Controls(background="original")) is None


def test_background_of_fills_the_canvas(rig: Rig) -> None:
    colour = background_of(rig, Controls(background="colour", colour=(255, 0, 51)))
    assert colour is not None and colour.shape == (1, 3, SIDE, SIDE)
    assert torch.allclose(colour[0, :, 3, 5], torch.tensor([1.0, 0.0, 0.2]))
    black = background_of(rig, Controls(background="transparent"))
    assert black is not None and black.shape == (1, 3, SIDE, SIDE) and not black.any()
    blurred = background_of(rig, Controls(background="blur"))
    assert blurred is not None and blurred.shape == rig.plate.shape


def test_stack_backgrounds_takes_the_pictures_own_where_none_is_chosen(rig: Rig) -> None:
    two, black = Rig.stack([rig, rig]), torch.zeros_like(rig.plate)
    assert stack_backgrounds(two, [None, None]) is None
    stacked = stack_backgrounds(two, [black, None])
    assert stacked is not None and not stacked[0].any() and torch.equal(stacked[1:], rig.plate)
