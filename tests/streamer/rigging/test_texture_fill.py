"""A background goes on through a hole, as deep as it is; a smooth one stays as it was filled."""

import cv2
import numpy as np
import pytest

from streamer.rigging.cutout import continued
from streamer.rigging.texture_fill import continue_texture

SIDE = 128


def stripes():
    """(SIDE, SIDE, 3) a background of stripes 8 pixels wide, under noise."""
    x = np.arange(SIDE) // 8 % 2
    noise = np.random.default_rng(0).normal(0, 0.02, (SIDE, SIDE, 1))
    return (0.3 + 0.4 * x[None, :, None] + noise).repeat(3, 2).clip(0, 1).astype(np.float32)


def limb():
    """(SIDE, SIDE) bool, where an arm of 12 pixels hung."""
    hole = np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(hole, (50, 30), (70, 100), 1, 12)
    return hole > 0


def filled_smoothly(rgb, hole):
    return continued(np.where(hole[..., None], 0, rgb).astype(np.float32), (~hole).astype(np.float32))


def test_stripes_go_on_through_a_hole_and_nothing_else_changes():
    rgb, hole = stripes(), limb()
    smooth = filled_smoothly(rgb, hole)
    filled = continue_texture(smooth, hole)
    np.testing.assert_array_equal(filled[~hole], smooth[~hole])
    before, after = (np.abs(each - rgb)[hole].mean() for each in (smooth, filled))
    assert after < 0.5 * before
    assert filled[hole].std() > 0.8 * rgb[hole].std()


def body():
    """(SIDE, SIDE) bool, where somebody stood: 50 pixels wide, down to the lower border."""
    hole = np.zeros((SIDE, SIDE), bool)
    hole[30:, 40:90] = True
    return hole


def skirting():
    """(SIDE, SIDE, 3) a wall that is darker to the right, with a dark line at its foot, and a floor."""
    rgb = np.full((SIDE, SIDE, 3), 0.8, np.float32)
    rgb[96:100], rgb[100:] = 0.2, 0.5
    return rgb - np.linspace(0, 0.15, SIDE, dtype=np.float32)[:, None]


def test_what_lies_behind_a_whole_body_goes_on_to_the_side():
    rgb, hole = skirting(), body()
    smooth = filled_smoothly(rgb, hole)
    filled = continue_texture(smooth, hole)
    before, after = (np.abs(each - rgb)[hole].mean() for each in (smooth, filled))
    assert after < 0.3 * before
    assert np.abs(filled - rgb)[96:100, 45:85].mean() < 0.06, "the line is where it was"


def test_a_fill_meets_what_surrounds_it():
    """The wall beside the hole is darker to the right than to the left, and so is what is put between."""
    filled = continue_texture(filled_smoothly(skirting(), body()), body())
    rows = slice(50, 90)
    steps = np.abs(np.diff(filled[rows, 36:94].mean((0, 2))))
    assert steps.max() < 0.02


def test_a_remnant_of_clothes_beside_a_hole_does_not_colour_it():
    rgb, hole = skirting(), body()
    rgb[60:90, 36:40] = (0.9, 0.8, 0.1)
    filled = continue_texture(filled_smoothly(rgb, hole), hole)
    assert (filled[60:90, 50:80, 0] - filled[60:90, 50:80, 2]).mean() < 0.05


def test_a_thing_beside_a_narrow_piece_of_wall_is_not_repeated():
    """Beside the hole there are 15 pixels of wall, and then a pillar."""
    hole = np.zeros((SIDE, SIDE), bool)
    hole[:, 35:95] = True
    rgb = np.random.default_rng(0).normal(0.7, 0.02, (SIDE, SIDE, 1)).repeat(3, 2).astype(np.float32)
    rgb[:, :20] = rgb[:, 110:] = (0.1, 0.2, 0.5)
    filled = continue_texture(filled_smoothly(rgb, hole), hole)
    assert filled[hole].min() > 0.55


@pytest.mark.parametrize("size", [(SIDE, SIDE), (70, SIDE)])
def test_a_smooth_background_is_left_as_it_is(size):
    shade = np.linspace(0.2, 0.8, size[0], dtype=np.float32)[:, None, None]
    rgb = np.broadcast_to(shade, (*size, 3)).copy()
    hole = limb()[: size[0]]
    smooth = filled_smoothly(rgb, hole)
    np.testing.assert_array_equal(continue_texture(smooth, hole), smooth)


def test_no_hole_and_no_background_are_no_errors():
    rgb = stripes()
    for hole in (np.zeros((SIDE, SIDE), bool), np.ones((SIDE, SIDE), bool)):
        np.testing.assert_array_equal(continue_texture(rgb, hole), rgb)


def test_it_is_the_same_every_time():
    smooth = filled_smoothly(stripes(), limb())
    np.testing.assert_array_equal(continue_texture(smooth, limb()), continue_texture(smooth, limb()))
