"""A decoded video frame as players display it: in SDR colours, with square pixels, turned and mirrored."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from streamer.files.tone_mapping import HDR_TRANSFERS, hdr_to_sdr
from streamer.frames import Image

MAX_PIXEL_ASPECT = 4.0  # of a pixel's sides; files that claim more are damaged, and are shown as if it were 1


class FrameDisplay:
    """Makes pictures of one file's decoded frames. Not thread-safe.

    pixel_aspect: width over height of the file's pixels; 0 and None mean square ones.
    """

    def __init__(self, pixel_aspect: Fraction | None = None) -> None:
        known = float(pixel_aspect or 1)
        self._pixel_aspect = known if 1 / MAX_PIXEL_ASPECT <= known <= MAX_PIXEL_ASPECT else 1.0
        self._reformatter = VideoReformatter()  # a frame's own would be made anew for each
        self._rotation: int | None = None  # degrees, of the frame whose matrix is kept
        self._matrix: NDArray[np.int32] | None = None

    def picture(self, frame: av.VideoFrame) -> Image:
        """The frame as RGB (H, W, 3), contiguous. Raises FFmpegError for a format without RGB."""
        if int(frame.color_trc) in HDR_TRANSFERS:
            rgb = hdr_to_sdr(frame)
        else:
            rgb = np.asarray(self._reformatter.reformat(frame, format="rgb24").to_ndarray(), np.uint8)
        rgb, matrix = squared(rgb, self._pixel_aspect), self._display_matrix(frame)
        return np.ascontiguousarray(rgb if matrix is None else oriented(rgb, matrix))

    def _display_matrix(self, frame: av.VideoFrame) -> NDArray[np.int32] | None:
        """(9,) as for `oriented`, None without one. It is read anew where the rotation changes: a frame whose side data
        are read refers to itself through them, and would stay, picture and all, until the garbage is collected.
        """
        if frame.rotation != self._rotation:
            data: Any = frame.side_data.get("DISPLAYMATRIX")
            self._rotation = frame.rotation
            self._matrix = None if data is None else np.frombuffer(data, np.int32).copy()
        return self._matrix


def squared(rgb: Image, pixel_aspect: float) -> Image:
    """A picture (H, W, 3) of pixels `pixel_aspect` times as wide as high, with square ones: enlarged along one side."""
    height, width = rgb.shape[:2]
    if pixel_aspect > 1:
        width = round(width * pixel_aspect)
    else:
        height = round(height / pixel_aspect)
    if rgb.shape[:2] == (height, width):
        return rgb
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def oriented(rgb: Image, matrix: NDArray[np.int32]) -> Image:
    """A picture (H, W, 3) turned by quarters and mirrored as a display matrix asks.

    matrix: (9,) a b u c d v x y w, in which a pixel at (p, q) is displayed at (a p + c q + x, b p + d q + y); of other
    angles the nearest of the eight orientations is taken (ISO/IEC 14496-12, 6.2.2).
    """
    a, b, c, d = (float(matrix[i]) for i in (0, 1, 3, 4))
    if abs(a) + abs(d) < abs(b) + abs(c):
        rgb, across, down = rgb.swapaxes(0, 1), c, b
    else:
        across, down = a, d
    return rgb[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
