"""Faces are found, the largest first."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.rigging.canvas import place_on_canvas
from streamer.rigging.face_search import find_faces
from streamer.rigging.picture import Picture, load_picture
from tests.support.pictures import opaque

AVATAR = Path(__file__).parents[3] / "assets" / "avatar.png"


@pytest.fixture(scope="module")
def avatar() -> Picture:
    return load_picture(AVATAR)


def test_find_faces_gives_the_largest_first(avatar: Picture) -> None:
    rgb = avatar.rgba[..., :3]
    scene = np.full((512, 900, 3), 150, np.uint8)
    scene[:, :512] = cv2.resize(rgb, (512, 512))
    scene[200:500, 570:870] = cv2.resize(rgb, (300, 300))
    faces = find_faces(place_on_canvas(opaque(scene), 512))
    assert [face[1, 0] < 0 for face in faces] == [True, False]
