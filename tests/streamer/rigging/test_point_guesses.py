"""Guesses of points: near where they are in drawn characters, and exactly where a picture's own points are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamer.rigging.framing import Framing
from streamer.rigging.picture import Picture, original_size
from streamer.rigging.point_guesses import guess_points, points_found
from streamer.rigging.points import POINT_LANDMARKS, REQUIRED, Points
from streamer.rigging.rigger import find_character
from tests.support.characters import CHARACTERS
from tests.support.pictures import opaque


@pytest.mark.parametrize("name", CHARACTERS)
def test_guesses_lie_near_the_features_of_drawn_characters(name: str) -> None:
    picture, points = CHARACTERS[name]()
    guesses = guess_points(picture)
    distance = np.linalg.norm(np.subtract(points["right_eye"], points["left_eye"]))
    errors = {each: np.linalg.norm(np.subtract(guesses[each], points[each])) / distance for each in REQUIRED}
    assert max(errors["left_eye"], errors["right_eye"]) < 0.2, errors
    assert max(errors["mouth_left"], errors["mouth_right"]) < 0.5, errors
    Points(guesses)  # they form a face


def test_guesses_are_pixels_of_the_upright_original() -> None:
    picture, _ = CHARACTERS["dog"]()
    halved = Picture(cv2.resize(picture.rgba, (160, 160), interpolation=cv2.INTER_AREA), "dog.png", 0.5)
    assert original_size(halved) == (320, 320)
    whole, half = guess_points(picture), guess_points(halved)
    assert np.linalg.norm(np.subtract(whole["left_eye"], half["left_eye"])) < 8


@pytest.mark.parametrize("colour", [(0, 0, 0), (128, 128, 128), (250, 20, 90)])
def test_guesses_of_an_empty_picture_form_a_face_within_it(colour: tuple[int, int, int]) -> None:
    guesses = guess_points(opaque(np.full((90, 200, 3), colour, np.uint8)))
    assert set(POINT_LANDMARKS) <= set(guesses)
    assert all(0 <= x <= 200 and 0 <= y <= 90 for x, y in guesses.values())
    Points(guesses)


@pytest.mark.parametrize("framing", [Framing(), Framing("face", "1:1")])
def test_points_in_use_are_found_where_they_were_placed(framing: Framing) -> None:
    picture, points = CHARACTERS["robot"]()
    found = points_found(find_character(picture, 160, Points.parse(points), framing))
    assert {name: list(found[name]) for name in points} == points
    assert np.linalg.norm(np.subtract(found["mouth_top"], [160, 142])) < 8  # not placed: where the landmarks say
