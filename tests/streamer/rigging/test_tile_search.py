"""Tiles cover a picture, and a face found in one has its place in the turned picture."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.rigging.picture import load_picture
from streamer.rigging.tile_search import MIN_TILE_SIDE, _sides, _starts, find_small_faces

AVATAR = Path(__file__).parents[3] / "assets" / "avatar.png"


@pytest.mark.parametrize(("length", "side"), [(640, 640), (641, 640), (4000, 1500), (999, 320)])
def test_tiles_cover_a_length_and_overlap(length: int, side: int) -> None:
    starts = _starts(length, side)
    assert starts[0] == 0 and starts[-1] == length - side
    assert all(after - before <= 0.71 * side for before, after in pairwise(starts))


def test_tiles_halve_down_to_the_smallest() -> None:
    assert list(_sides(3000, 4000)) == [2000, 1000, 500]
    assert list(_sides(6400, 640)) == [640, 320]
    assert min(_sides(9000, 9000)) >= MIN_TILE_SIDE


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_small_face_is_found_in_every_turn(turns: int) -> None:
    scene = np.full((900, 1400, 4), (120, 120, 140, 255), np.uint8)
    scene[300:420, 1000:1120] = cv2.resize(load_picture(AVATAR).rgba, (120, 120), interpolation=cv2.INTER_AREA)
    found, spots = find_small_faces(np.rot90(scene, turns))
    assert found == -turns % 4
    assert len(spots) == 1
    assert abs(spots[0].x - 1060) < 10 and abs(spots[0].y - 355) < 20
