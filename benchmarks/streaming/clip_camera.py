"""A video clip as a camera: a WebRTC track whose frames carry their number as a bar code."""

from __future__ import annotations

import asyncio
import fractions
import time
from itertools import islice
from pathlib import Path

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from benchmarks.streaming import barcode
from streamer.files.video_reader import VideoReader
from streamer.frames import Image
from streamer.runtime import pacing
from streamer.virtual_camera import fit_to_size

CAMERA_SIZE = (640, 480)  # width, height: the resolution of a laptop's camera
MAX_CLIP_FRAMES = 300  # kept decoded, so that decoding takes no time of the measured machine
_CLOCK_RATE = 90_000  # of RTP video timestamps, 1/s


def load_clip(path: Path, width: int, height: int) -> list[Image]:
    """The first frames of a video, each (height, width, 3) uint8, the whole picture on black. Raises VideoError."""
    with VideoReader(path) as reader:
        return [fit_to_size(frame.rgb, width, height) for frame in islice(reader, MAX_CLIP_FRAMES)]


def ping_pong(tick: int, count: int) -> int:
    """The index 0 1 2 3 2 1 0 1 … of `count` frames at a tick: a loop forwards and backwards has no jump."""
    step = tick % max(1, 2 * count - 2)
    return min(step, 2 * count - 2 - step) if count > 1 else 0


class ClipCamera(MediaStreamTrack):
    """A clip played forwards and backwards on an absolute clock, each frame with its number as a bar code.

    sent_at: seconds on `time.monotonic` at which the sender took each tick's frame; the bar code holds the tick modulo
    `barcode.NUMBERS`.
    """

    kind = "video"

    def __init__(self, frames: list[Image], fps: float) -> None:
        super().__init__()
        self.sent_at: dict[int, float] = {}
        self._frames = frames
        self.fps = fps
        self._pace: pacing.Pace | None = None

    async def recv(self) -> VideoFrame:
        """The next frame, when it is due."""
        now = time.monotonic()
        if self._pace is None:
            self._pace = pacing.begin(now, self.fps)
        await asyncio.sleep(pacing.wait(self._pace, now))
        if self.readyState != "live":
            raise MediaStreamError
        tick = self._pace.tick
        picture = self._frames[ping_pong(tick, len(self._frames))].copy()
        barcode.draw(picture, tick % barcode.NUMBERS)
        video = VideoFrame.from_ndarray(picture, format="rgb24")
        video.pts, video.time_base = round(tick * _CLOCK_RATE / self.fps), fractions.Fraction(1, _CLOCK_RATE)
        self._pace = pacing.advance(self._pace, time.monotonic())
        self.sent_at[tick] = time.monotonic()
        return video

    @property
    def period(self) -> int:
        """Ticks of one loop of the clip, forwards and backwards."""
        return max(1, 2 * len(self._frames) - 2)

    def tick_of(self, number: int) -> int:
        """The last tick sent whose bar code is `number`."""
        last = self._pace.tick - 1 if self._pace is not None else 0
        return last - (last - number) % barcode.NUMBERS
