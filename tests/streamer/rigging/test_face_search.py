"""Faces are found, the largest first."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.rigging.canvas import place_on_canvas
from streamer.rigging.face_search import find_all_faces, find_faces
from streamer.rigging.picture import Picture, load_picture
from tests.support.pictures import opaque

ASSETS = Path(__file__).parents[3] / "assets"


@pytest.fixture(scope="module")
def avatar() -> Picture:
    return load_picture(ASSETS / "avatar.png")


def test_find_faces_gives_the_largest_first(avatar: Picture) -> None:
    rgb = avatar.rgba[..., :3]
    scene = np.full((512, 900, 3), 150, np.uint8)
    scene[:, :512] = cv2.resize(rgb, (512, 512))
    scene[200:500, 570:870] = cv2.resize(rgb, (300, 300))
    faces = find_faces(place_on_canvas(opaque(scene), 512))
    assert [face[1, 0] < 0 for face in faces] == [True, False]


def test_find_all_faces_finds_everybody_of_a_group() -> None:
    scene = np.full((540, 960, 3), 150, np.uint8)
    for number, name in enumerate(("samples/sculpture.png", "samples/painting.png", "avatar.png")):
        rgb = cv2.resize(load_picture(ASSETS / name).rgba[..., :3], (150, 150), interpolation=cv2.INTER_AREA)
        scene[390:, 85 + 320 * number : 235 + 320 * number] = rgb
    faces = find_all_faces(place_on_canvas(opaque(scene), 384))
    places = sorted(float(face[1, 0]) for face in faces)
    assert np.allclose(places, [-2 / 3, 0, 2 / 3], atol=0.08)
