"""Which eyes have lids and which mouths lips, by the picture."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.rigging.face_parts import has_lids, has_lips
from streamer.rigging.picture import load_picture
from streamer.rigging.point_completion import completed, eye_points, mouth_points
from streamer.rigging.points import REQUIRED, Points
from streamer.rigging.rigger import find_character
from tests.support.characters import CHARACTERS

AVATAR = Path(__file__).parents[3] / "assets" / "avatar.png"


@pytest.mark.parametrize("name", CHARACTERS)
def test_drawn_eyes_and_mouths_have_neither_lids_nor_lips(name: str) -> None:
    drawn = CHARACTERS[name]()
    face = Points.parse(drawn.points).landmarks(1.0, (0, 0), 160.0)
    rgb = drawn.picture.rgba[..., :3].astype(np.float32) / 255
    assert (has_lids(rgb, face), has_lips(rgb, face)) == (False, False)


def test_a_persons_eyes_have_lids_and_the_mouth_lips() -> None:
    character = find_character(load_picture(AVATAR), 512)
    assert has_lids(character.rgb, character.face) and has_lips(character.rgb, character.face)
    red, grey = np.array([1.0, 0.0, 0.0], np.float32), character.rgb.mean(-1, keepdims=True)
    assert not has_lips(np.repeat(grey, 3, -1), character.face)
    assert not has_lids(character.rgb * 0 + red, character.face)


@pytest.mark.parametrize("name", ["cup", "dog", "stick", "plush", "alpaca"])
def test_eyes_that_were_not_outlined_are_measured(name: str) -> None:
    drawn = CHARACTERS[name]()
    six = {point: drawn.points[point] for point in REQUIRED}
    found = completed(Points.parse(six), drawn.picture).positions
    assert {point: list(found[point]) for point in six} == six
    for point, at in drawn.points.items():
        if "_eye_" in point:
            assert np.linalg.norm(np.subtract(found[point], at)) < 4, point


def test_a_stroke_is_found_where_it_is_bent_and_nothing_in_an_even_face() -> None:
    drawn = CHARACTERS["cup"]()
    places = {point: (x, y) for point, (x, y) in drawn.points.items()}
    found = mouth_points(drawn.picture.rgba[..., :3], places)
    assert 198 < found["mouth_top"][1] < found["mouth_bottom"][1] < 208  # an arc whose middle lies below its ends
    even = np.full((320, 320, 3), 200, np.uint8)
    assert mouth_points(even, places) == {} and eye_points(even, places) == {}
    noise = cv2.randu(np.zeros((320, 320, 3), np.uint8), 0, 255)
    assert eye_points(np.asarray(noise), places) == {}
