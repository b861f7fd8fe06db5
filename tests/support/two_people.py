"""A picture with two people and a clip with two drivers, made of the repository's own picture and clip."""

import numpy as np

from streamer.files.video_reader import VideoReader
from streamer.rigging.picture import Picture, load_picture
from tests.support.clips import AVATAR, DRIVER
from tests.support.pictures import opaque

DELAY = 30  # frames of the clip between the two drivers, who are the same person and then move the other way


def two_in_a_picture() -> Picture:
    """The repository's picture, and on its right its mirror image."""
    rgb = load_picture(AVATAR).rgba[..., :3]
    return opaque(np.concatenate([rgb, rgb[:, ::-1]], 1), "two.png")


def driver_frames(first: int, count: int, step: int = 2) -> list[np.ndarray]:
    """Frames (256, 256, 3) of the repository's clip, every `step`-th from `first` on."""
    wanted = range(first, first + count * step, step)
    with VideoReader(DRIVER) as reader:
        shown = {frame.index: frame.rgb[::2, ::2] for frame, _ in zip(reader, range(wanted[-1] + 1), strict=False)}
    return [shown[index] for index in wanted]


def two_drivers(count: int) -> list[np.ndarray]:
    """Frames (256, 512, 3) that show the clip on the left, and on the right the same clip DELAY frames later."""
    pairs = zip(driver_frames(0, count), driver_frames(DELAY, count), strict=True)
    return [np.ascontiguousarray(np.concatenate(pair, 1)) for pair in pairs]
