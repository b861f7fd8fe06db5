"""A person at the other end of the wire, without a browser: a clip as camera, an eye on the avatar, a clock."""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.sdp import candidate_from_sdp
from av import VideoFrame
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.streaming import barcode
from streamer.errors import KagamiError
from streamer.files.video_reader import VideoReader
from streamer.frames import Image
from streamer.runtime import pacing
from streamer.virtual_camera import fit_to_size
from streamer.webrtc.encoder import install_encoder, make_encoder
from streamer.webrtc.jitter_buffer import install_jitter_buffer

CAMERA_BITRATE = 1_500_000  # bits a second: what Chromium settles on for 640x480
ANSWER_TIMEOUT = 30.0  # seconds
_CLOCK = 90_000
_MOST_FRAMES = 300  # of the clip, decoded and kept: a camera must not spend the measured machine's time on decoding


def load_clip(path: Path, width: int, height: int) -> list[Image]:
    """The first frames of a video, each (height, width, 3) uint8, the whole picture on black. Raises VideoError."""
    with VideoReader(path) as reader:
        return [fit_to_size(frame.rgb, width, height) for frame in islice(reader, _MOST_FRAMES)]


class Camera(MediaStreamTrack):
    """A clip played to and fro, so that it has no jump, on an absolute clock, each frame with its number as a bar code.

    entered: seconds on `time.monotonic` at which each tick's frame went into the sender; the bar code holds the tick
    modulo `barcode.NUMBERS`.
    """

    kind = "video"

    def __init__(self, frames: list[Image], fps: float) -> None:
        super().__init__()
        self.entered: dict[int, float] = {}
        self._frames = frames
        self.fps = fps
        self._pace: pacing.Pace | None = None

    async def recv(self) -> VideoFrame:
        now = time.monotonic()
        if self._pace is None:
            self._pace = pacing.begin(now, self.fps)
        await asyncio.sleep(pacing.wait(self._pace, now))
        if self.readyState != "live":
            raise MediaStreamError
        tick = self._pace.tick
        picture = self._frames[to_and_fro(tick, len(self._frames))].copy()
        barcode.draw(picture, tick % barcode.NUMBERS)
        video = VideoFrame.from_ndarray(picture, format="rgb24")
        video.pts, video.time_base = round(tick * _CLOCK / self.fps), fractions.Fraction(1, _CLOCK)
        self._pace = pacing.advance(self._pace, time.monotonic())
        self.entered[tick] = time.monotonic()
        return video

    @property
    def period(self) -> int:
        """Ticks until the clip is where it was, going the same way."""
        return max(1, 2 * len(self._frames) - 2)

    def tick_of(self, number: int) -> int:
        """The last tick sent whose bar code is `number`."""
        sent = self._pace.tick - 1 if self._pace is not None else 0
        return sent - (sent - number) % barcode.NUMBERS


def to_and_fro(tick: int, count: int) -> int:
    """0 1 2 3 2 1 0 1 …: which of `count` pictures is shown at a tick."""
    step = tick % max(1, 2 * count - 2)
    return min(step, 2 * count - 2 - step) if count > 1 else 0


@dataclass
class Log:
    """What the peer saw. All times: seconds on `time.monotonic`."""

    frames: list[float] = field(default_factory=list)  # arrival of each avatar frame, decoded
    first_seen: dict[int, float] = field(default_factory=dict)  # arrival of the first frame that follows this tick's
    size: tuple[int, int] = (0, 0)  # width, height of the last frame
    unread: list[float] = field(default_factory=list)  # arrival of frames whose bar code could not be read
    stats: list[dict[str, Any]] = field(default_factory=list)  # the server's own figures, once a second
    phases: list[str] = field(default_factory=list)


Look = Callable[[int, Image], None]


def ignore(tick: int, picture: Image) -> None:
    """The `Look` of who does not care."""


class Refused(KagamiError):
    """The server said no, or fell silent; the message is its sentence or ours."""


class Peer:
    """One person: `async with Peer(...) as peer: await peer.watch(10)`; then read `log` and `camera.entered`.

    url: ws://HOST:PORT/ws. frames, fps: what the camera shows. codec: "VP8" or "H264". look: called with the tick and
    the brightness, (H, W) uint8, of each avatar frame that follows a camera frame no earlier one followed. Entering
    raises Refused where the server says no, and OSError where nobody answers.
    """

    def __init__(
        self,
        url: str,
        frames: list[Image],
        fps: float,
        codec: str = "VP8",
        look: Look = ignore,
    ) -> None:
        self.log = Log()
        self._look = look
        self.camera = Camera(frames, fps)
        self._url = url
        self._codec = codec
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Peer:
        try:
            self._socket = await connect(self._url, max_size=2**20)
            await self._call(self._socket)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def until(self, done: Callable[[Log], bool], timeout: float, what: str) -> None:
        """Wait until the log shows something. Raises Refused when the time is up or the session has ended."""

        async def watch() -> None:
            while not done(self.log):
                self._changed.clear()
                waiting = asyncio.create_task(self._changed.wait())
                await asyncio.wait([waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                for task in self._tasks:
                    if task.done():
                        task.result()
                        raise Refused("The server has ended the session.")

        try:
            await asyncio.wait_for(watch(), timeout)
        except TimeoutError:
            raise Refused(f"{what} did not come within {timeout:.0f} s.") from None

    async def watch(self, seconds: float) -> None:
        """Let the session run. Raises Refused when it ends before."""
        done, _ = await asyncio.wait(self._tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
            raise Refused("The server has ended the session.")

    async def close(self) -> None:
        """Say good-bye and free everything; may be called again."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._socket is not None:
            with contextlib.suppress(Exception):  # the server may be gone already
                await self._socket.send(json.dumps({"type": "bye"}))
            await self._socket.close()
            self._socket = None
        self.camera.stop()
        await self._connection.close()

    async def _call(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"type": "hello", "protocol": 1}))
        await self._expect(socket, "ready")
        pc = self._connection
        pc.on("track", self._on_track)
        transceiver = pc.addTransceiver(self.camera, direction="sendrecv")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([codec for codec in codecs if codec.name == self._codec])
        # As a browser does and aiortc alone does not: a bitrate fit for a face, and pictures shown once they are whole.
        camera_encoder = make_encoder(self._codec, CAMERA_BITRATE, self.camera.fps, lambda _: None)
        install_encoder(transceiver.sender, camera_encoder)
        install_jitter_buffer(transceiver.receiver)
        await pc.setLocalDescription(await pc.createOffer())
        await socket.send(json.dumps({"type": "offer", "sdp": pc.localDescription.sdp}))
        answer = await self._expect(socket, "answer")
        await pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        self._tasks.append(asyncio.create_task(self._listen(socket), name="signalling"))

    async def _expect(self, socket: ClientConnection, kind: str) -> dict[str, Any]:
        while True:
            try:
                message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), ANSWER_TIMEOUT))
            except TimeoutError:
                raise Refused(f"The server sent no '{kind}' within {ANSWER_TIMEOUT:.0f} s.") from None
            except ConnectionClosed as closed:
                raise Refused(f"The server closed the conversation before '{kind}' ({closed}).") from closed
            if message["type"] == kind:
                return message
            await self._take(message)

    async def _listen(self, socket: ClientConnection) -> None:
        async for text in socket:
            await self._take(json.loads(text))

    async def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "candidate" if message["candidate"]:
                candidate = candidate_from_sdp(message["candidate"].removeprefix("candidate:"))
                candidate.sdpMid, candidate.sdpMLineIndex = message["sdpMid"], message["sdpMLineIndex"]
                await self._connection.addIceCandidate(candidate)
            case "stats":
                self.log.stats.append(message)
            case "state":
                self.log.phases.append(message["phase"])
            case "error" | "bye":
                raise Refused(message.get("message") or message.get("reason"))
        self._changed.set()

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "video":
            self._tasks.append(asyncio.create_task(self._receive(track), name="receive"))

    async def _receive(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            now = time.monotonic()
            assert isinstance(frame, VideoFrame)
            self.log.frames.append(now)
            self.log.size = (frame.width, frame.height)
            number = barcode.read(luma(frame))
            if number is None:
                self.log.unread.append(now)
            elif (tick := self.camera.tick_of(number)) not in self.log.first_seen:
                self.log.first_seen[tick] = now
                self._look(tick, luma(frame))
            self._changed.set()


def luma(frame: VideoFrame) -> Image:
    """(H, W) uint8: the brightness plane of a yuv420p frame, a view into it."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]
