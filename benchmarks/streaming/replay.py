"""A session without a person: motions that were tracked once, and a viewer that is nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from benchmarks.streaming.webrtc_client import to_and_fro
from streamer.camera import ReceivedFrame
from streamer.engine.engine_session import EngineSession
from streamer.frames import CameraFrame, Image
from streamer.runtime import pacing
from streamer.tracking.person_tracker import PersonTracker
from streamer.tracking.tracker import TrackedMotion
from streamer.webrtc.encoder import make_encoder
from streamer.webrtc.tracks import AvatarTrack


def track(clip: Sequence[Image], fps: float) -> list[TrackedMotion]:
    """What the live tracker makes of a clip, its neutral taken from the whole of it: the clip is tracked twice."""
    tracker = PersonTracker()
    try:
        for lap in range(2):
            tracked = [
                tracker.track(CameraFrame(rgb, (lap * len(clip) + index) / fps, index))
                for index, rgb in enumerate(clip)
            ]
    finally:
        tracker.close()
    return [replace(one, motion=replace(one.motion, stages={})) for one in tracked]


class Replay:
    """A `Tracker` that sees nothing and plays tracked motions to and fro, one for each picture. start: where."""

    def __init__(self, motions: Sequence[TrackedMotion], start: int = 0) -> None:
        self._motions = motions
        self._start = start

    def track(self, frame: CameraFrame) -> TrackedMotion:
        return self._play(frame.index, frame.captured)

    def idle(self, now: float) -> TrackedMotion:
        return self._play(0, now)

    def calibrate(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _play(self, index: int, captured: float) -> TrackedMotion:
        tracked = self._motions[to_and_fro(self._start + index, len(self._motions))]
        return replace(tracked, motion=replace(tracked.motion, captured=captured))


@dataclass(frozen=True, slots=True)
class Encoded:
    """A frame on its way to nobody. at: seconds on `time.monotonic` when it was encoded. delay: milliseconds since its
    camera picture came. took: milliseconds of the encoder.
    """

    at: float
    delay: float
    took: float


@dataclass(eq=False)
class Visit:
    """One session: a camera whose pictures come at `fps`, and what a live connection does with the avatar's frames.

    phase: 0..1, when within a period its pictures come. encoded: all that came out.
    """

    session: EngineSession
    fps: float
    phase: float
    codec: str = "VP8"
    bitrate: int = 3_000_000
    encoded: list[Encoded] = field(default_factory=list)
    _took: float = field(default=0.0, init=False)

    async def stay(self) -> None:
        """Until the session closes."""
        camera = asyncio.create_task(self._film())
        try:
            await self._view()
        finally:
            camera.cancel()
            await asyncio.gather(camera, return_exceptions=True)

    async def _film(self) -> None:
        grey = np.full((480, 640, 3), 128, np.uint8)
        blank = VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuv420p")
        pace = pacing.begin(time.monotonic() + self.phase / self.fps, self.fps)
        while True:
            await asyncio.sleep(pacing.wait(pace, time.monotonic()))
            self.session.camera.put(ReceivedFrame(blank, time.monotonic()))
            pace = pacing.advance(pace, time.monotonic())

    async def _view(self) -> None:
        """As aiortc's sender does it: the next frame, then its encoding in the executor."""
        track = AvatarTrack(self.session.new_output())
        encoder = make_encoder(self.codec, self.bitrate, self.fps, self._report)
        loop = asyncio.get_running_loop()
        while True:
            try:
                video = await track.recv()
            except MediaStreamError:
                return
            await loop.run_in_executor(None, encoder.encode, video)
            now = time.monotonic()
            assert track.last_frame is not None
            self.encoded.append(Encoded(now, (now - track.last_frame.captured) * 1000, self._took))

    def _report(self, milliseconds: float) -> None:
        self._took = milliseconds
