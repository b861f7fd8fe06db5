"""Beyond the picture's border the background goes on, without a second person."""

import numpy as np

from streamer.rigging.canvas import Rect, place_on_canvas
from streamer.rigging.surroundings import continue_beyond_picture
from tests.support.pictures import opaque

BACKGROUND, PERSON = (60, 120, 200), (230, 40, 40)


def test_the_background_goes_on_beyond_the_picture_and_the_person_does_not() -> None:
    rgb = np.full((200, 200, 3), BACKGROUND, np.uint8)
    rgb[80:, 60:140] = PERSON  # reaches the lower border
    canvas = place_on_canvas(opaque(rgb), 128, Rect(-100, -100, 400, 400))
    person = np.zeros((128, 128), np.float32)
    person[57:, 51:77] = 1
    colours, matte = continue_beyond_picture(canvas, person)
    rows, columns = canvas.inside
    outside = np.ones((128, 128), bool)
    outside[rows, columns] = False
    assert matte[outside].max() == 0 and np.array_equal(matte[rows, columns], person[rows, columns])
    assert np.array_equal(colours[rows, columns], canvas.rgb[rows, columns])
    assert np.abs(colours[outside] * 255 - BACKGROUND).max() < 12


def test_a_picture_that_is_cut_out_stands_before_white() -> None:
    rgba = np.zeros((100, 100, 4), np.uint8)
    rgba[20:, 30:70] = (*PERSON, 255)
    picture = opaque(rgba[..., :3])
    canvas = place_on_canvas(type(picture)(rgba, "cut.png"), 64, Rect(-50, -50, 200, 200))
    colours, matte = continue_beyond_picture(canvas, canvas.alpha)
    rows, _ = canvas.inside
    assert colours[: rows.start].min() == 1 and matte[rows.stop :].max() == 0


def test_a_canvas_inside_of_its_picture_is_left_alone() -> None:
    canvas = place_on_canvas(opaque(np.zeros((200, 200, 3), np.uint8)), 64, Rect(20, 20, 100, 100))
    person = np.ones((64, 64), np.float32)
    colours, matte = continue_beyond_picture(canvas, person)
    assert colours is canvas.rgb and matte is person
