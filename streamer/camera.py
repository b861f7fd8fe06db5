"""Camera pictures on their way from the decoder of the peer connection to the tracker."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from av import VideoFrame
from av.video.reformatter import VideoReformatter

from streamer.frames import Image

MAX_SIDE = 1920  # pixels, of a camera's picture; larger ones cost a processor core to decode and track no better
LONGEST_SIDE = 640  # pixels; larger pictures cost the tracker time and give no better landmarks


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """A camera picture as the video decoder delivered it. at: seconds on `time.monotonic`, when it arrived."""

    video: VideoFrame
    at: float


class Converter:
    """Converts decoded video frames to RGB for the tracker. One a thread, since building one costs more than a call."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, video: VideoFrame) -> Image:
        """(H, W, 3) uint8 RGB, its longer side at most LONGEST_SIDE pixels."""
        rgb = self._reformatter.reformat(video, format="rgb24", threads=1).to_ndarray().astype(np.uint8, copy=False)
        scale = LONGEST_SIDE / max(video.width, video.height)
        if scale < 1:
            size = round(video.width * scale), round(video.height * scale)
            rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        return rgb
