"""The matte follows an outline that the points bring, and has the hands that the network loses."""

import cv2
import numpy as np

from streamer.rigging.matting import grabcut_limbs
from streamer.rigging.points import Points
from streamer.rigging.rigger import make_rig
from tests.support.pictures import CAT_POINTS, cat


def test_character_matte_is_the_outline_of_the_points() -> None:
    box = [[60, 20], [300, 20], [300, 240], [60, 240]]
    matte = make_rig(cat(), 256, Points.parse({**CAT_POINTS, "outline": box}), "cpu").rig.matte[0, 0]
    assert matte[128, 128] > 0.95
    assert matte[128, 20] < 0.05


def test_a_hand_that_the_coarse_matte_lacks_is_found_along_the_forearm() -> None:
    side, wall, sleeve, skin = 256, (170, 180, 185), (200, 120, 20), (205, 160, 140)
    rgb = np.full((side, side, 3), wall, np.uint8)
    rgb += np.random.default_rng(0).integers(0, 6, rgb.shape, np.uint8)
    cv2.circle(rgb, (128, 50), 30, skin, -1)
    cv2.rectangle(rgb, (90, 80), (170, 210), sleeve, -1)
    coarse = (np.abs(rgb.astype(int) - wall).sum(-1) > 40).astype(np.float32)
    cv2.rectangle(rgb, (100, 210), (112, 240), skin, -1)  # the hand
    likely, possible = (np.zeros((side, side), np.uint8) for _ in range(2))
    cv2.line(likely, (106, 150), (106, 228), 1, 6)
    cv2.line(possible, (106, 150), (106, 240), 1, 30)
    found = grabcut_limbs(rgb, coarse, likely, possible)
    assert found[215:235, 102:110].min() > 0.5
    assert found[:, 125:].max() < 0.05
    assert found[:205].max() < 0.05
    complete = np.maximum(coarse, found)
    np.testing.assert_array_equal(grabcut_limbs(rgb, complete, likely, possible), 0)
