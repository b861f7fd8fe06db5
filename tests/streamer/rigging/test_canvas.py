"""A picture is centred on its canvas and continued beyond its edges."""

import numpy as np

from streamer.rigging.canvas import on_canvas, picture_crop, place_on_canvas
from tests.support.pictures import opaque


def test_place_on_canvas_centres_the_picture_and_reflects_it_into_the_margins() -> None:
    canvas = place_on_canvas(opaque(np.tile(np.arange(200, dtype=np.uint8)[:, None, None], (1, 100, 3))), 128)
    assert (canvas.left, canvas.top, canvas.width, canvas.height) == (32, 0, 64, 128)
    assert np.allclose(canvas.rgb[:, 0], canvas.rgb[:, 64], atol=1e-3)


def test_on_canvas_puts_a_crop_back_where_it_is_from() -> None:
    ramp = np.tile(np.arange(200, dtype=np.uint8)[:, None, None], (1, 100, 3))
    canvas = place_on_canvas(opaque(ramp), 128)
    found = picture_crop(canvas, (0.1, 0.2, 0.6), 256)
    assert found is not None
    pixels, box = found
    back = on_canvas(pixels[..., 0].astype(np.float32) / 255, box, 128)
    here = back > 0
    assert here[45:110, 40:95].all() and not here[:35].any()
    np.testing.assert_allclose(back[45:110, 40:95], canvas.rgb[45:110, 40:95, 0], atol=6e-3)
