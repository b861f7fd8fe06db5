"""Further views of a character: what is told about them, which are refused and why, and their exposure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.geometry.topology import LEFT_LID, LOWER_LIP_INNER, RIGHT_LID
from streamer.options import MAX_PICTURES
from streamer.rigging.face_colours import expose
from streamer.rigging.likeness import Appearance
from streamer.rigging.picture import Picture, load_picture
from streamer.rigging.rigger import Character, find_character
from streamer.rigging.views import TooManyViewsError, ViewError, describe, find_view, find_views
from streamer.tracking.head_pose import CANONICAL, rotation_matrix
from tests.support.pictures import cat, opaque

ASSETS = Path(__file__).parents[3] / "assets"
SIZE = 256


@pytest.fixture(scope="module")
def picture() -> Picture:
    return load_picture(ASSETS / "avatar.png")


@pytest.fixture(scope="module")
def first(picture: Picture) -> Character:
    return find_character(picture, SIZE)


@pytest.fixture(scope="module")
def driver() -> Picture:
    """The first frame of the project's driving video: another character."""
    video = cv2.VideoCapture(str(ASSETS / "driver.mp4"))
    found, frame = video.read()
    video.release()
    assert found
    return opaque(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), "driver.png")


def turned(first: Character, yaw: float = 0.0, pitch: float = 0.0) -> Character:
    """The character with its landmarks turned: yaw to the picture's right and pitch downwards, degrees."""
    bow, turn = (rotation_matrix(np.radians(np.array(axis))) for axis in ([pitch, 0, 0], [0, -yaw, 0]))
    return replace(first, face=(0.2 * CANONICAL @ (turn @ bow).T).astype(np.float32))


def told(view: Character, *known: Character) -> str:
    return describe(view.face, replace(Appearance.of(view), name="b.png"), [Appearance.of(each) for each in known])


def test_find_view_brings_a_darker_warmer_picture_to_the_exposure_of_the_first(
    picture: Picture, first: Character
) -> None:
    gain = np.array([0.8, 0.7, 0.6], np.float32)
    dark = expose(picture.rgba[..., :3].astype(np.float32) / 255, gain)
    view = find_view(opaque(np.round(dark * 255).astype(np.uint8), "dark.png"), SIZE, [Appearance.of(first)])
    same = find_character(picture, SIZE, framing=view.layout.framing)
    assert np.abs(view.rgb - same.rgb)[same.alpha > 0.9].mean() < 0.01
    assert view.notes == ["dark.png shows the character from the front, as another picture does, and so adds little."]


def test_find_views_keeps_what_was_found_before_and_finds_the_rest(picture: Picture, first: Character) -> None:
    found = find_views(first, [first, picture], SIZE)
    assert found[0] is first and found[1] is first
    assert found[2].picture is picture and found[2].layout.framing.kind == "bust"
    with pytest.raises(TooManyViewsError):
        find_views(first, [first, first, first, picture], SIZE)


def test_find_view_refuses_another_character(first: Character, driver: Picture) -> None:
    with pytest.raises(ViewError) as caught:
        find_view(driver, SIZE, [Appearance.of(first)])
    assert caught.value.code == "view"
    assert str(caught.value) in (
        "driver.png does not seem to show the character of avatar.png: give views of one character, or use it alone as "
        "a picture of its own.",
        "driver.png is in another style than avatar.png: give views that were made alike, or use it alone as a picture "
        "of its own.",
    )


def test_find_view_refuses_the_same_character_as_a_line_drawing(picture: Picture, first: Character) -> None:
    grey = cv2.cvtColor(picture.rgba[..., :3], cv2.COLOR_RGB2GRAY)
    lines = 255 - cv2.normalize(
        cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 2), cv2.CV_8U), None, 0, 255, cv2.NORM_MINMAX
    )
    drawing = cv2.addWeighted(cv2.cvtColor(lines, cv2.COLOR_GRAY2RGB), 0.7, cv2.merge([grey] * 3), 0.3, 0)
    with pytest.raises(ViewError) as caught:
        find_view(opaque(drawing, "lines.png"), SIZE, [Appearance.of(first)])
    assert str(caught.value) == (
        "lines.png is in another style than avatar.png: give views that were made alike, or use it alone as a picture "
        "of its own."
    )


def test_find_view_refuses_a_picture_without_a_face(first: Character) -> None:
    with pytest.raises(ViewError) as caught:
        find_view(cat(), SIZE, [Appearance.of(first)])
    assert str(caught.value) == (
        "No face was found in cat.png: a further view must show the character's face, from the front or from a side; "
        "leave it out."
    )


def test_find_view_refuses_a_fifth_picture_before_it_looks_at_it(picture: Picture, first: Character) -> None:
    with pytest.raises(TooManyViewsError) as caught:
        find_view(picture, SIZE, [Appearance.of(first)] * MAX_PICTURES)
    assert str(caught.value) == "A character has at most 4 pictures: take one away before you add another."


@pytest.mark.parametrize(
    ("yaw", "pitch", "sentence"),
    [
        (40, 0, "b.png shows the character's right side, turned by 40 degrees."),
        (-25, 0, "b.png shows the character's left side, turned by 25 degrees."),
        (0, 20, "b.png shows the character from the front, from above."),
        (-30, -20, "b.png shows the character's left side, turned by 30 degrees, from below."),
    ],
)
def test_describe_tells_the_side_and_the_turn(first: Character, yaw: float, pitch: float, sentence: str) -> None:
    assert told(turned(first, yaw, pitch), turned(first)) == sentence


def test_describe_tells_an_open_mouth_and_closed_eyes(first: Character) -> None:
    view = turned(first)
    view.face[LOWER_LIP_INNER, 1] += 0.06
    assert told(view, turned(first)) == "b.png shows the character from the front with the mouth open."
    for ring in (RIGHT_LID, LEFT_LID):
        view.face[list(ring), 1] = view.face[list(ring), 1].mean()
        view.face[list(ring), 2] = view.face[list(ring), 2].mean()
    assert told(view, turned(first)) == (
        "b.png shows the character from the front with the mouth open and with the eyes closed."
    )
