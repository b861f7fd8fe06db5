"""A session of the engine without a browser or a network: a grey camera, and an encoder whose frames are not sent."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from streamer.camera import ReceivedFrame
from streamer.engine.engine_session import EngineSession
from streamer.runtime import pacing
from streamer.webrtc.encoder import make_encoder
from streamer.webrtc.tracks import AvatarTrack


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """An encoded avatar frame, which is not sent. at: when it was encoded, seconds on `time.monotonic`. delay_ms: since
    its camera frame arrived. encode_ms: duration of the encoder.
    """

    at: float
    delay_ms: float
    encode_ms: float


@dataclass(eq=False)
class ReplayedSession:
    """One session without a connection: a camera at `fps`, and an encoder that takes the avatar's frames.

    session: of the engine. phase: 0..1, offset of the camera within a period. codec: "VP8" or "H264". bitrate: bits a
    second. encoded: all frames so far.
    """

    session: EngineSession
    fps: float
    phase: float
    codec: str = "VP8"
    bitrate: int = 3_000_000
    encoded: list[EncodedFrame] = field(default_factory=list)
    _encode_ms: float = field(default=0.0, init=False)

    async def run(self) -> None:
        """Send and receive until the engine's session closes."""
        camera = asyncio.create_task(self._send_camera())
        try:
            await self._receive_avatar()
        finally:
            camera.cancel()
            await asyncio.gather(camera, return_exceptions=True)

    async def _send_camera(self) -> None:
        grey = np.full((480, 640, 3), 128, np.uint8)
        blank = VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuv420p")
        pace = pacing.begin(time.monotonic() + self.phase / self.fps, self.fps)
        while True:
            await asyncio.sleep(pacing.wait(pace, time.monotonic()))
            self.session.camera.put(ReceivedFrame(blank, time.monotonic()))
            pace = pacing.advance(pace, time.monotonic())

    async def _receive_avatar(self) -> None:
        """Take and encode frames as aiortc's sender does: the next frame, then its encoding in the executor."""
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
            self.encoded.append(EncodedFrame(now, (now - track.last_frame.captured) * 1000, self._encode_ms))

    def _report(self, milliseconds: float) -> None:
        self._encode_ms = milliseconds
