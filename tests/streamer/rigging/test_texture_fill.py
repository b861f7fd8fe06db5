"""A hole in a background gets its texture; one in a smooth background stays as it was filled."""

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
