"""A video clip as a camera: a WebRTC track whose frames carry their number as a bar code."""

from __future__ import annotations

import asyncio
import fractions
import time
from dataclasses import replace
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
    `barcode.NUMBERS`. frames: may be replaced at any time, by others of another size, too.
    """

    kind = "video"

    def __init__(self, frames: list[Image], fps: float) -> None:
        super().__init__()
        self.sent_at: dict[int, float] = {}
        self.frames = frames
        self.fps = fps
        self._pace: pacing.Pace | None = None
        self._began = 0.0  # seconds, tick 0

    async def recv(self) -> VideoFrame:
        """The next frame, when it is due."""
        now = time.monotonic()
        if self._pace is None:
            self._pace, self._began = pacing.begin(now, self.fps), now
        await asyncio.sleep(pacing.wait(self._pace, now))
        if self.readyState != "live":
            raise MediaStreamError
        tick = self._pace.tick
        picture = self.frames[ping_pong(tick, len(self.frames))].copy()
        barcode.draw(picture, tick % barcode.NUMBERS)
        video = VideoFrame.from_ndarray(picture, format="rgb24")
        video.pts, video.time_base = (
            round((self._pace.due - self._began) * _CLOCK_RATE),
            fractions.Fraction(1, _CLOCK_RATE),
        )
        self._pace = pacing.advance(self._pace, time.monotonic())
        self.sent_at[tick] = time.monotonic()
        return video

    def set_rate(self, fps: float) -> None:
        """Send so many frames a second from the next tick on."""
        if self._pace is not None:
            due, period = self._pace.due, 1 / fps
            self._pace = replace(self._pace, origin=due - self._pace.tick * period, period=period)
        self.fps = fps

    @property
    def period(self) -> int:
        """Ticks of one loop of the clip, forwards and backwards."""
        return max(1, 2 * len(self.frames) - 2)

    def tick_of(self, number: int) -> int:
        """The last tick sent whose bar code is `number`."""
        last = self._pace.tick - 1 if self._pace is not None else 0
        return last - (last - number) % barcode.NUMBERS
