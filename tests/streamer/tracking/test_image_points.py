"""Points change between camera units and pixels, and pictures are sampled at them."""

import numpy as np
import pytest

from streamer.tracking.image_points import crop_around, sample_area, to_camera_units, to_pixels


@pytest.mark.parametrize("shape", [(480, 640, 3), (1280, 720), (7, 7)])
def test_to_pixels_puts_the_origin_at_the_centre_and_to_camera_units_is_its_inverse(shape):
    height, width = shape[:2]
    points = np.array([[0, 0], [0.5, -0.25], [-0.9, 0.3]], np.float32)
    pixels = to_pixels(points, shape)
    np.testing.assert_allclose(pixels[0], [(width - 1) / 2, (height - 1) / 2])
    np.testing.assert_allclose(pixels[1] - pixels[0], np.array([0.5, -0.25]) * max(height, width) / 2, atol=1e-3)
    np.testing.assert_allclose(to_camera_units(pixels, shape), points, atol=1e-6)


@pytest.mark.parametrize("centre", [(50.0, 40.0), (2.0, 3.0), (-500.0, 900.0)])
def test_crop_around_keeps_points_on_the_same_pixels_and_is_never_empty(centre):
    rgb = np.arange(100 * 120 * 3).reshape(100, 120, 3).astype(np.uint8)
    points = np.array([[0, 0], [10, 6]], np.float32) + np.array(centre, np.float32)
    part, moved = crop_around(rgb, points)
    assert part.size > 0
    if centre == (50.0, 40.0):
        assert part.shape == (14, 18, 3)  # a margin of 0.2 · 10 + 2 on every side
        for (x, y), (u, v) in zip(points.astype(int), moved.astype(int), strict=True):
            np.testing.assert_array_equal(part[v, u], rgb[y, x])


def test_sample_area_reads_pixels_at_their_centres_and_averages_wide_spacings():
    picture = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(4)), -1).astype(np.float32)
    np.testing.assert_array_equal(sample_area(picture, grid, 1.0), picture[:4, :4])
    stripes = np.tile(np.array([0, 200], np.uint8), (64, 32))
    np.testing.assert_allclose(sample_area(stripes, grid * 4 + 20, 4.0), 100)
