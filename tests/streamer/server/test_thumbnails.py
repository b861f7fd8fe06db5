"""Thumbnails show the head, whatever the shape of the picture and wherever the head is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from streamer.rigging.framing import Circle
from streamer.rigging.picture import Picture
from streamer.server.thumbnails import THUMBNAIL_SIDE, head_square, thumbnail
from tests.support.fakes import FakeCharacter


@pytest.mark.parametrize(
    ("size", "head"),
    [
        ((400, 1600), Circle(200, 150, 60)),  # a whole figure
        ((1600, 400), Circle(1500, 200, 80)),
        ((300, 300), Circle(150, 150, 200)),  # larger than the picture
        ((300, 900), Circle(10, 890, 50)),  # in a corner
    ],
)
def test_square_lies_in_the_picture_and_around_the_head(size: tuple[int, int], head: Circle) -> None:
    left, top, side = head_square(*size, head)
    assert left >= 0 and left + side <= size[0] and top >= 0 and top + side <= size[1]
    assert left <= head.x <= left + side and top <= head.y <= top + side
    assert side <= 2.6 * head.radius


def test_thumbnail_of_a_tall_picture_shows_its_head() -> None:
    rgba = np.zeros((900, 300, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[30:150, 60:180, :3] = 255  # the head that `FakeCharacter` has in a picture of this size
    image = Image.open(io.BytesIO(thumbnail(FakeCharacter(Picture(rgba, "tall.png")))))  # type: ignore[arg-type]
    assert image.size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    assert np.asarray(image.convert("L")).mean() > 120
