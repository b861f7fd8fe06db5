"""Likeness of two pictures: small for one character in another light, large for another character."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.rigging.canvas import Array
from streamer.rigging.face_colours import expose
from streamer.rigging.likeness import LIMIT, WEIGHTS, Appearance, correlation, differences
from streamer.rigging.picture import load_picture
from streamer.rigging.rigger import Character, find_character
from streamer.tracking.head_pose import rotation_matrix

AVATAR = Path(__file__).parents[3] / "assets" / "avatar.png"


@pytest.fixture(scope="module")
def character() -> Character:
    return find_character(load_picture(AVATAR), 256)


def recoloured(character: Character, rgb: Array) -> Appearance:
    return Appearance.of(replace(character, rgb=rgb.astype(np.float32)))


def test_a_picture_differs_from_itself_in_nothing(character: Character) -> None:
    same = Appearance.of(character)
    found = differences(same, same)
    assert list(found) == list(WEIGHTS)
    assert found["pattern"] < 0.2 and sum(found.values()) < 0.3


def test_light_from_a_side_and_a_warm_white_balance_stay_below_the_limit(character: Character) -> None:
    side = np.linspace(0.6, 1.1, 256, dtype=np.float32)[None, :, None]
    lit = recoloured(character, expose(character.rgb, np.array([0.9, 0.75, 0.65], np.float32)) * side)
    assert sum(differences(Appearance.of(character), lit).values()) < LIMIT


def test_other_colours_of_skin_and_hair_and_another_face_add_up_beyond_the_limit(character: Character) -> None:
    negative = recoloured(character, 1 - character.rgb)
    found = differences(Appearance.of(character), negative)
    assert found["pattern"] > 2 and found["skin"] > 1 and found["hair"] > 1
    assert sum(found.values()) > LIMIT


def test_yaw_and_pitch_are_those_of_the_head(character: Character) -> None:
    own = Appearance.of(character)
    assert abs(own.yaw) < 10 and abs(own.pitch) < 15
    turn = rotation_matrix(np.radians(np.array([0, -35.0, 0])))
    turned = Appearance.of(replace(character, face=(character.face @ turn.T).astype(np.float32)))
    assert turned.yaw - own.yaw == pytest.approx(35, abs=2)
    assert turned.angle_to(own) == pytest.approx(35, abs=2)


def test_correlation_is_weighted() -> None:
    x = np.array([10, 20, 30, 0], np.float32)
    weight = np.array([1, 1, 1, 0], np.float32)
    assert correlation(x, x * np.array([2, 2, 2, 50], np.float32), weight) == pytest.approx(1, abs=0.02)
    assert correlation(x, -x, weight) == pytest.approx(-1, abs=0.02)


def test_a_smaller_picture_of_the_same_face_is_no_other_style(character: Character) -> None:
    picture = character.picture
    small = cv2.resize(picture.rgba, (96, 96), interpolation=cv2.INTER_AREA)
    wide = np.full((400, 400, 4), 255, np.uint8)
    wide[150:246, 150:246] = small
    found = find_character(replace(picture, rgba=wide), 256)
    assert sum(differences(Appearance.of(found), Appearance.of(character)).values()) < LIMIT / 2
