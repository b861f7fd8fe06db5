"""The frame that is cut from a drawn canvas."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.geometry.keep_in_frame import UNBOUNDED
from streamer.generation.controls import Controls
from streamer.generation.view import cut_frame, frame_bounds, shown_rect
from streamer.rigging.framing import Circle, Framing, Layout, frame_rect

SKULL, HAIR = Circle(200.0, 160.0, 50.0), (0.0, 0.0, 0.5, 1.5)
SIDE = 200


def layout(framing: Framing) -> Layout:
    """Of a picture of 400 x 400 pixels."""
    return Layout(400, 400, SKULL, framing, frame_rect(framing, 400, 400, SKULL), HAIR)


def canvas() -> np.ndarray:
    """A canvas (SIDE, SIDE, 3) whose colours are its coordinates."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.stack([columns, rows, 0 * rows], -1).astype(np.uint8)


def test_a_prepared_frame_is_the_middle_of_the_canvas() -> None:
    framing = Framing("whole", "16:9")
    (frame,) = cut_frame([canvas()], layout(framing), framing, SIDE)
    assert frame.shape == (112, 200, 3)
    assert frame[0, 0, :2].tolist() == [0, 44] and frame.flags["C_CONTIGUOUS"]


def test_a_size_of_its_own_is_met_exactly() -> None:
    framing = Framing("bust", "320x240")
    colours, alpha = cut_frame([canvas(), canvas()[..., :1]], layout(framing), framing, SIDE)
    assert (colours.shape, alpha.shape) == ((240, 320, 3), (240, 320, 1))


def test_zoom_and_position_are_seen_before_the_picture_is_prepared_anew() -> None:
    prepared = layout(Framing("whole", "1:1"))
    wanted = Framing("whole", "1:1", 2.0, 0.1)
    (frame,) = cut_frame([canvas()], prepared, wanted, SIDE)
    rect = prepared.rect_for(wanted)
    assert frame.shape == (SIDE, SIDE, 3)
    for place in (0, SIDE // 2, SIDE - 1):
        at = (place + 0.5) / SIDE
        assert frame[place, place, 0] + 0.5 == pytest.approx((rect.left + at * rect.width) / 2, abs=1)
        assert frame[place, place, 1] + 0.5 == pytest.approx((rect.top + at * rect.height) / 2, abs=1)


def test_before_it_is_prepared_a_frame_shows_nothing_beyond_the_canvas() -> None:
    prepared = layout(Framing("bust", "1:1"))
    side = prepared.rect.width
    for wanted in (Framing("bust", "1:1", 1.5, 1, 1), Framing("bust", "1:1", 1.5, -1, -1), Framing("bust", "1:1", 0.6)):
        rect = shown_rect(prepared, wanted)
        assert prepared.rect.left <= rect.left and rect.left + rect.width <= prepared.rect.left + side + 1e-6
        assert prepared.rect.top <= rect.top and rect.top + rect.height <= prepared.rect.top + side + 1e-6


def test_another_shape_waits_for_the_picture_to_be_prepared() -> None:
    framing = Framing("whole", "1:1")
    now, wanted = (
        cut_frame([canvas()], layout(framing), one, SIDE)[0] for one in (framing, Framing("face", "16:9", 2.0))
    )
    assert np.array_equal(now, wanted)


def test_bounds_are_the_sides_of_the_frame_on_the_canvas() -> None:
    wide = layout(Framing("whole", "16:9"))
    keeping = Controls(aspect="16:9")
    bounds = frame_bounds(
        [wide, None, wide], [keeping, keeping, replace(keeping, keep_in_frame=False)], torch.device("cpu")
    )
    assert bounds.sides[0].tolist() == pytest.approx([-1, -9 / 16, 1, 9 / 16])
    assert bounds.head[0].tolist() == pytest.approx(HAIR)
    assert (bounds.sides[1:].abs() == UNBOUNDED).all()
