"""Decoded camera pictures become RGB of a size that the tracker can afford."""

from __future__ import annotations

import numpy as np
from av import VideoFrame

from streamer.camera import LONGEST_SIDE, Converter


def decoded(brightness: int, size: tuple[int, int]) -> VideoFrame:
    return VideoFrame.from_ndarray(np.full((size[1], size[0], 3), brightness, np.uint8), format="rgb24")


def test_converter_shrinks_large_pictures_and_leaves_small_ones() -> None:
    to_rgb = Converter()
    large, small = to_rgb(decoded(77, (1280, 720))), to_rgb(decoded(200, (320, 240)))
    assert large.shape == (LONGEST_SIDE * 720 // 1280, LONGEST_SIDE, 3) and abs(large.mean() - 77) < 2
    assert small.shape == (240, 320, 3) and abs(small.mean() - 200) < 2
