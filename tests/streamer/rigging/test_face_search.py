"""The largest face is found, and the number of faces is reported."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.rigging.canvas import place_on_canvas
from streamer.rigging.face_search import find_face
from streamer.rigging.picture import Picture, load_picture
from tests.support.pictures import opaque

AVATAR = Path(__file__).parents[3] / "assets" / "avatar.png"


@pytest.fixture(scope="module")
def avatar() -> Picture:
    return load_picture(AVATAR)


def test_find_face_takes_the_largest_of_several_and_notes_their_number(avatar: Picture) -> None:
    rgb = avatar.rgba[..., :3]
    scene = np.full((512, 900, 3), 150, np.uint8)
    scene[:, :512] = cv2.resize(rgb, (512, 512))
    scene[200:500, 570:870] = cv2.resize(rgb, (300, 300))
    notes: list[str] = []
    face = find_face(place_on_canvas(opaque(scene), 512), notes)
    assert notes == ["2 faces found; the largest is animated"]
    assert face is not None
    assert face[1, 0] < 0
