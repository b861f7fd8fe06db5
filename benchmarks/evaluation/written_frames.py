"""Drawn frames as a person gets to see them: after the encoder of `streamer.animate`."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from streamer.files.video_reader import VideoReader
from streamer.files.video_writer import open_recording
from streamer.frames import AvatarFrame, Image


def as_written(frames: Iterable[AvatarFrame], rate: Fraction, shape: tuple[int, int] | None = None) -> list[Image]:
    """The frames written to a file (H.264, crf 16) and read again, each (H, W, 3).

    rate: frames a second. shape: height and width to which they are scaled; None: as they are. Raises VideoError.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.mp4"
        with open_recording(path, rate) as out:
            for frame in frames:
                out.write(frame)
        with VideoReader(path) as reader:
            drawn = [frame.rgb for frame in reader]
    if shape is None or drawn[0].shape[:2] == shape:
        return drawn
    return [np.asarray(cv2.resize(rgb, shape[::-1], interpolation=cv2.INTER_AREA), np.uint8) for rgb in drawn]
