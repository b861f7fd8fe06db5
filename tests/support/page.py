"""A client without a browser: docs/protocol.md over a real WebSocket, and WebRTC with aiortc."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from types import TracebackType
from typing import Any

import numpy as np
import uvicorn
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack, sdp
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import VideoFrame
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from streamer.engine.engine import Engine
from streamer.rigging.picture_process import PictureProcess
from streamer.server.app import Server
from streamer.server.listening import serve_config
from streamer.server.made_engine import MadeEngine
from streamer.server.rate_limits import Limits, Rate
from streamer.settings import Settings
from tests.support.fakes import FakeAvatar, FakePipeline, FakeTracker

MESSAGE_TIMEOUT_S = 20.0  # bound on a wait for a message or a frame; no test asserts how long the wait took
UNLIMITED = Limits(
    *[(Rate(1000, 1000), Rate(1000, 1000))] * len(fields(Limits))
)  # for tests that do something many times


class FakeCamera(VideoStreamTrack):
    """A video track of 30 grey frames a second, all of one brightness, 0..255."""

    def __init__(self, brightness: int = 128, size: tuple[int, int] = (320, 240)) -> None:
        super().__init__()
        self.brightness = brightness
        self.size = size
        self.sent = 0

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        width, height = self.size
        frame = VideoFrame.from_ndarray(np.full((height, width, 3), self.brightness, np.uint8), format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        self.sent += 1
        return frame


class Page:
    """One WebSocket connection to the server and its peer connection: `async with Page(url) as page`.

    messages: all messages of the server, oldest first. frame: the newest avatar frame. received: how many avatar frames
    came. sound: the last ten seconds of audio, (N, 2) int16 at 48 kHz. closed: set when the WebSocket has closed.
    patience_s: bound on each wait.
    """

    def __init__(self, url: str, patience_s: float = MESSAGE_TIMEOUT_S, **connect_options: Any) -> None:
        self.url = url
        self.patience_s = patience_s
        self.messages: list[dict[str, Any]] = []
        self.frame: VideoFrame | None = None
        self.received = 0
        self.sound = np.zeros((0, 2), np.int16)
        self.closed = asyncio.Event()
        self.peer: RTCPeerConnection | None = None
        self._options = connect_options
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Page:
        self._socket = await connect(self.url, **self._options)
        self._tasks.append(asyncio.create_task(self._receive_messages(self._socket)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the WebSocket and the peer connection without `bye`, as a closed tab does."""
        if self._socket is not None:
            await self._socket.close()
        await self.drop_peer()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def drop_peer(self) -> None:
        if self.peer is not None:
            await self.peer.close()
            self.peer = None

    async def send(self, **message: Any) -> None:
        await self.send_text(json.dumps(message))

    async def send_text(self, text: str | bytes) -> None:
        assert self._socket is not None
        await self._socket.send(text)

    async def receive(self, kind: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """Wait for the `count`-th message of this type with these fields, and return it."""

        def found() -> list[dict[str, Any]]:
            return [
                message
                for message in self.messages
                if message["type"] == kind and all(message.get(name) == value for name, value in fields.items())
            ]

        await self.wait_until(lambda: len(found()) >= count, f"{kind} {fields}")
        return found()[count - 1]

    async def wait_until(self, condition: Callable[[], bool], what: str = "it") -> None:
        """Poll until `condition()` holds. Raises AssertionError, naming `what`, after `patience_s`."""
        deadline = time.monotonic() + self.patience_s
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come; messages: {self.messages[-6:]}")
            await asyncio.sleep(0.02)

    async def hello(self, **extra: Any) -> dict[str, Any]:
        """Send `hello` and return the server's `ready`."""
        await self.send(type="hello", protocol=1, **extra)
        return await self.receive("ready")

    async def start(
        self,
        camera: MediaStreamTrack | None = None,
        microphone: MediaStreamTrack | None = None,
        codec: str | None = None,
        on_gathered: Callable[[RTCPeerConnection], None] | None = None,
    ) -> None:
        """Negotiate a peer connection with trickled candidates. Without a camera the offer only receives video.

        on_gathered: called with the connection when it has its sockets.
        """
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peer.on("track", self._on_track)
        transceiver = self.peer.addTransceiver(camera or "video", "sendrecv" if camera else "recvonly")
        if codec is not None:
            capabilities = type(transceiver.sender).getCapabilities("video").codecs
            transceiver.setCodecPreferences([capability for capability in capabilities if capability.name == codec])
        if microphone is not None:
            self.peer.addTransceiver(microphone, "sendrecv")
        offer = await self.peer.createOffer()
        answers = sum(message["type"] == "answer" for message in self.messages)
        closings = sum(message == {"type": "candidate", "candidate": None} for message in self.messages)
        await self.send(type="offer", sdp=offer.sdp)
        await self.peer.setLocalDescription(offer)
        if on_gathered is not None:
            on_gathered(self.peer)
        for index, media in enumerate(sdp.SessionDescription.parse(self.peer.localDescription.sdp).media):
            for candidate in media.ice_candidates:
                line = "candidate:" + sdp.candidate_to_sdp(candidate)
                await self.send(type="candidate", candidate=line, sdpMid=media.rtp.muxId, sdpMLineIndex=index)
        await self.send(type="candidate", candidate=None)
        answer = await self.receive("answer", answers + 1)
        await self.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        await self.receive("candidate", closings + 1, candidate=None)
        answer_index = self.messages.index(answer)
        for message in [later for later in self.messages[answer_index:] if later["type"] == "candidate"]:
            if message["candidate"] is None:
                await self.peer.addIceCandidate(None)
                continue
            candidate = sdp.candidate_from_sdp(message["candidate"].removeprefix("candidate:"))
            candidate.sdpMid, candidate.sdpMLineIndex = message["sdpMid"], message["sdpMLineIndex"]
            await self.peer.addIceCandidate(candidate)

    async def wait_for_frames(self, count: int) -> None:
        """Wait for `count` more avatar frames."""
        goal = self.received + count
        await self.wait_until(lambda: self.received >= goal, f"{count} avatar frames")

    def avatar_rgb(self) -> np.ndarray:
        """The newest avatar frame, (H, W, 3) uint8 RGB."""
        assert self.frame is not None
        return self.frame.to_ndarray(format="rgb24")

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._receive_track(track)))

    async def _receive_track(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, VideoFrame):
                self.frame = frame
                self.received += 1
            else:
                self.sound = np.concatenate([self.sound, frame.to_ndarray().reshape(-1, 2)])[-48_000 * 10 :]

    async def _receive_messages(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                self.messages.append(json.loads(text))
        except ConnectionClosed:
            pass
        finally:
            self.closed.set()


@contextlib.asynccontextmanager
async def serving(
    settings: Settings | None = None,
    pipeline: FakePipeline | None = None,
    tracker: Callable[[], FakeTracker] = FakeTracker,
    avatar: FakeAvatar | None = None,
    limits: Limits | None = None,
    pictures: PictureProcess | None = None,
    make_film_worker: Callable[[], Any] | None = None,
    osc: socket.socket | None = None,
    tell: Callable[[str], None] = lambda line: None,
    **engine_options: Any,
) -> AsyncIterator[tuple[str, Server]]:
    """Run a real server in this event loop on a free port; yields (http address, server)."""
    settings = settings or Settings()
    engine = Engine(pipeline or FakePipeline(size=128), tracker, settings.fps, settings.max_sessions, **engine_options)
    made = MadeEngine(engine, avatar or FakeAvatar(128, 128), "fake.png", pictures or PictureProcess())  # type: ignore[arg-type]
    server = Server(made, settings, limits=limits, make_film_worker=make_film_worker, osc=osc, tell=tell)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    web = uvicorn.Server(serve_config(server.app))
    engine.start()
    task = asyncio.create_task(web.serve([listening]))
    try:
        while not web.started:
            await asyncio.sleep(0.01)
        await server.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", server
    finally:
        await server.close()
        web.should_exit = True
        await task
        await asyncio.to_thread(engine.close)
        listening.close()


def socket_url(address: str, query: str = "") -> str:
    return address.replace("http", "ws", 1) + "/ws" + query
