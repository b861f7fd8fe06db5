"""Clips are shown as players show them: turned, mirrored, with square pixels."""

from fractions import Fraction

import numpy as np
import pytest

from streamer.files.video_reader import VideoReader
from tests.support.clips import grey_frames, make_video, set_display_matrix

TOP, BOTTOM, LEFT, RIGHT = slice(0, 10), slice(-10, None), slice(0, 10), slice(-10, None)
# The eight display matrices a, b, c, d, whether the picture lies on its side, and where its upper left corner is shown.
ORIENTATIONS = [
    ((1, 0, 0, 1), False, (TOP, LEFT)),
    ((-1, 0, 0, 1), False, (TOP, RIGHT)),
    ((1, 0, 0, -1), False, (BOTTOM, LEFT)),
    ((-1, 0, 0, -1), False, (BOTTOM, RIGHT)),
    ((0, 1, -1, 0), True, (TOP, RIGHT)),
    ((0, -1, 1, 0), True, (BOTTOM, LEFT)),
    ((0, 1, 1, 0), True, (TOP, LEFT)),
    ((0, -1, -1, 0), True, (BOTTOM, RIGHT)),
]


def first_frame(path):
    with VideoReader(path) as reader:
        return next(iter(reader)).rgb


@pytest.mark.parametrize(("matrix", "on_its_side", "corner"), ORIENTATIONS)
def test_display_shows_each_of_the_eight_orientations(tmp_path, matrix, on_its_side, corner):
    path = make_video(tmp_path / "a.mp4", grey_frames())  # red in the upper left corner
    set_display_matrix(path, *matrix)
    rgb = first_frame(path)
    assert rgb.shape == ((64, 48, 3) if on_its_side else (48, 64, 3)) and rgb.flags.c_contiguous
    red = rgb[corner].reshape(-1, 3).mean(0)
    assert red[0] > 180 and red[1] < 60
    assert rgb[20:30, 20:30].max() < 60  # and nowhere else


def test_display_takes_the_nearest_orientation_of_a_tilted_matrix(tmp_path):
    path = make_video(tmp_path / "a.mp4", grey_frames())
    plain = first_frame(path)
    set_display_matrix(path, 9, 2, -2, 9)
    np.testing.assert_array_equal(first_frame(path), plain)


@pytest.mark.parametrize(
    ("aspect", "shape"),
    [
        (Fraction(2), (48, 128, 3)),
        (Fraction(1, 2), (96, 64, 3)),
        (Fraction(1), (48, 64, 3)),
        (Fraction(50), (48, 64, 3)),
    ],
)
def test_display_makes_pixels_square_and_never_smaller(tmp_path, aspect, shape):
    path = make_video(tmp_path / "a.mp4", grey_frames(), pixel_aspect=aspect)
    assert first_frame(path).shape == shape


def test_display_makes_pixels_square_before_it_turns_the_picture(tmp_path):
    path = make_video(tmp_path / "a.mp4", grey_frames(), pixel_aspect=Fraction(2))
    set_display_matrix(path, 0, 1, -1, 0)
    assert first_frame(path).shape == (128, 48, 3)
