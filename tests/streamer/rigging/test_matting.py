"""The matte follows an outline that the points bring, and has the hands that the network loses."""

from pathlib import Path

import cv2
import numpy as np

from streamer.rigging.canvas import Rect, place_on_canvas, to_uint8
from streamer.rigging.framing import Framing
from streamer.rigging.matting import grabcut_limbs, with_surroundings
from streamer.rigging.picture import Picture, load_picture
from streamer.rigging.points import Points
from streamer.rigging.rigger import find_character, make_rig
from tests.support.pictures import CAT_POINTS, cat, opaque


def around(matte: np.ndarray, place: tuple[int, int]) -> float:
    """Mean of a matte (S, S) in 5 × 5 pixels around a row and column."""
    rows, columns = (slice(middle - 2, middle + 3) for middle in place)
    return float(matte[rows, columns].mean())


def test_character_matte_is_the_outline_of_the_points() -> None:
    box = [[60, 20], [300, 20], [300, 240], [60, 240]]
    matte = make_rig(cat(), 256, Points.parse({**CAT_POINTS, "outline": box}), "cpu").rig.matte[0, 0]
    assert around(matte.numpy(), (128, 128)) > 0.95
    assert around(matte.numpy(), (128, 20)) < 0.05


def test_a_frame_is_seen_with_what_its_picture_shows_around_it() -> None:
    random = np.random.default_rng(1)
    picture = opaque(cv2.resize(random.integers(0, 256, (12, 10, 3), np.uint8), (200, 240)))
    whole, inside = with_surroundings(place_on_canvas(picture, 120), picture)
    assert whole.shape == (120, 120, 3) and inside == (slice(0, 120), slice(0, 120))
    canvas = place_on_canvas(picture, 120, Rect(0, 40, 100, 100))
    seen, inside = with_surroundings(canvas, picture)
    assert inside == (slice(36, 156), slice(0, 120))
    assert seen.shape == (192, 156, 3)
    np.testing.assert_array_equal(seen[inside], to_uint8(canvas.rgb))


def test_surroundings_lie_where_the_canvas_does() -> None:
    ramp = np.broadcast_to((4 * np.arange(60, dtype=np.uint8))[None, :, None], (80, 60, 3))
    canvas = place_on_canvas(opaque(ramp), 12, Rect(17, 30, 30, 30))
    seen, inside = with_surroundings(canvas, opaque(ramp))
    at = (np.arange(seen.shape[1]) - inside[1].start + 0.5 - canvas.left) / canvas.scale  # pixels of the picture
    error = seen[: inside[0].start, :, 0] / 4 + 0.5 - at
    assert inside[0].start == 4
    assert abs(float(error[:, 1:-1].mean())) < 0.2


def test_surroundings_are_averaged_and_transparent_pixels_are_white() -> None:
    rgba = np.zeros((400, 400, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[::2, ::2, :3] = rgba[1::2, 1::2, :3] = 255  # a chequerboard of pixels is grey from afar
    rgba[60:90, 60:90] = 0  # too little transparence to be the matte
    picture = Picture(rgba, "chequered.png")
    canvas = place_on_canvas(picture, 100, Rect(100, 100, 200, 200))
    seen, inside = with_surroundings(canvas, picture)
    assert not canvas.cut_out and inside == (slice(30, 130), slice(30, 130))
    assert np.abs(seen[:8].astype(int) - 128).max() < 10
    assert seen[12:23, 12:23].min() > 250


def test_hair_and_clothes_of_a_drawing_are_whole_in_a_close_frame() -> None:
    drawing = load_picture(Path("assets/samples/anime.png"))
    found = find_character(drawing, 256, None, Framing("face", "1:1"))
    hair, neck, collar, between = (
        around(found.alpha, place) for place in ((170, 60), (212, 128), (245, 100), (215, 152))
    )
    assert min(hair, neck, collar) > 0.95
    assert between < 0.05  # hair and neck, where the background shows


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
