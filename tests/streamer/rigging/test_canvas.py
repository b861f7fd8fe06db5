"""A picture is centred on its canvas and continued beyond its edges."""

import numpy as np

from streamer.rigging.canvas import place_on_canvas
from tests.support.pictures import opaque


def test_place_on_canvas_centres_the_picture_and_reflects_it_into_the_margins() -> None:
    canvas = place_on_canvas(opaque(np.tile(np.arange(200, dtype=np.uint8)[:, None, None], (1, 100, 3))), 128)
    assert (canvas.left, canvas.top, canvas.width, canvas.height) == (32, 0, 64, 128)
    assert np.allclose(canvas.rgb[:, 0], canvas.rgb[:, 64], atol=1e-3)
