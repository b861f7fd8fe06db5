"""People are found whichever side of a picture is up and however small they are, and small ones are cut out."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from models.geometry.topology import NOSE_TIP
from streamer.rigging.picture import Picture, load_picture, original_size
from streamer.rigging.picture_search import SMALL_PERSON, PictureSearch, cut_to_person, search_picture
from streamer.rigging.point_guesses import points_found
from streamer.rigging.points import Points
from streamer.rigging.rigger import find_character
from tests.support.pictures import cat, opaque

ASSETS = Path(__file__).parents[3] / "assets"
SIDE = "The picture lay on its side and was turned upright."
OVER = "The picture was upside down and was turned upright."
SIZE = 256


@pytest.fixture(scope="module")
def avatar() -> Picture:
    rgb = load_picture(ASSETS / "avatar.png").rgba[..., :3]
    return opaque(cv2.resize(rgb, (384, 384), interpolation=cv2.INTER_AREA), "avatar.png")


def beside(avatar: Picture, size: tuple[int, int], side: int, corner: tuple[int, int], form: str = "PNG") -> Picture:
    """A grey picture with the avatar in it, `side` pixels wide, as it comes from a file."""
    scene = Pillow.new("RGB", size, (120, 120, 140))
    scene.paste(Pillow.fromarray(avatar.rgba[..., :3]).resize((side, side)), corner)
    buffer = io.BytesIO()
    scene.save(buffer, form)
    return load_picture(buffer.getvalue(), "large.png")


def face_in_original(search: PictureSearch) -> np.ndarray:
    """The tip of the nose of the first person, in pixels of the upright original."""
    width, height = original_size(search.picture)
    return (search.people[0].face[NOSE_TIP, :2] * max(width, height) + (width, height)) / 2


@pytest.mark.parametrize(("turns", "notes"), [(0, []), (1, [SIDE]), (2, [OVER]), (3, [SIDE])])
def test_picture_is_turned_upright(avatar: Picture, turns: int, notes: list[str]) -> None:
    lying = opaque(np.ascontiguousarray(np.rot90(avatar.rgba[..., :3], turns)))
    search = search_picture(lying, SIZE)
    assert search.picture.turns == -turns % 4
    assert np.array_equal(search.picture.rgba, avatar.rgba)
    assert search.notes == notes and len(search.people) == 1


@pytest.mark.parametrize("name", ["painting", "anime", "cartoon", "animation", "sculpture"])
@pytest.mark.parametrize("turns", [0, 2])
def test_every_style_is_turned_upright(name: str, turns: int) -> None:
    rgb = load_picture(ASSETS / "samples" / f"{name}.png").rgba[::2, ::2, :3]
    search = search_picture(opaque(np.ascontiguousarray(np.rot90(rgb, turns))), SIZE)
    assert search.picture.turns == turns


def test_small_face_in_a_large_photo_is_found_and_cut_out_at_full_detail(avatar: Picture) -> None:
    picture = beside(avatar, (4000, 3000), 260, (1800, 1200), "JPEG")
    search = search_picture(picture, SIZE)
    assert len(search.people) == 1 and search.people[0].size < SMALL_PERSON
    x, y = face_in_original(search)
    assert abs(x - 1930) < 8 and abs(y - 1348) < 8
    part, face = cut_to_person(search, search.people[0], SIZE)
    assert part.scale == 1 and part.rgba.shape[0] < 500 and part.rgba.shape[1] < 500
    assert np.ptp(face[:, 0]) > 0.3 and np.abs(face[:, :2]).max() < 1


@pytest.mark.parametrize("turns", [0, 1])
def test_face_in_a_long_strip_is_found(avatar: Picture, turns: int) -> None:
    strip = beside(avatar, (640, 6400), 640, (0, 2000)).file
    with Pillow.open(io.BytesIO(strip)) as image:
        buffer = io.BytesIO()
        image.rotate(90 * turns, expand=True).save(buffer, "PNG")
    character = find_character(load_picture(buffer.getvalue(), "strip.png"), SIZE)
    assert character.cut is not None and character.cut.turns == -turns % 4
    height, width = character.cut.rgba.shape[:2]
    assert character.notes == [
        *[SIDE] * turns,
        f"Only a small part of strip.png shows the character: it was cut to {width} x {height} pixels.",
    ]
    assert abs(character.cut.top - 2000) < 200 and 640 <= height < 1200
    assert np.ptp(character.face[:, 0]) > 0.25


def test_nobody_is_found_in_pictures_without_anybody() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (700, 900, 3), np.uint8)
    for picture in (cat(), opaque(noise)):
        search = search_picture(picture, SIZE)
        assert search.people == [] and search.notes == [] and search.picture is picture


def test_hand_placed_points_mean_pixels_of_the_upright_original(avatar: Picture) -> None:
    lying = opaque(np.ascontiguousarray(np.rot90(avatar.rgba[..., :3])), "lying.png")
    character = find_character(lying, SIZE)
    assert character.cut is not None and character.cut.turns == 3
    upright = points_found(find_character(avatar, SIZE))
    for name, (x, y) in points_found(character).items():
        assert np.hypot(x - upright[name][1], y - (383 - upright[name][0])) < 3
    names = ("left_shoulder", "right_shoulder")
    points = Points({name: points_found(character)[name] for name in names})
    again = find_character(lying, SIZE, points)
    for name in names:
        assert np.abs(np.subtract(points_found(again)[name], points.positions[name])).max() < 1e-6


def test_points_turn_with_their_picture() -> None:
    points = Points({"left_shoulder": (10.0, 20.0), "right_shoulder": (50.0, 20.0)})
    assert points.turned(0, 100, 60) is points
    assert points.turned(1, 100, 60).positions["left_shoulder"] == (20, 89)
    assert points.turned(2, 100, 60).positions["left_shoulder"] == (89, 39)
    assert points.turned(3, 100, 60).positions["left_shoulder"] == (39, 10)
