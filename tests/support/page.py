"""A page without a browser: speaks docs/protocol.md over a real WebSocket, and WebRTC with aiortc."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
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
from streamer.server.app import Server
from streamer.server.listening import serve_config
from streamer.settings import Settings
from tests.support.fakes import FakeAvatar, FakePipeline, FakeTracker

PATIENCE = 20.0  # seconds a test waits for something that must come; no test asserts how long it took


class FakeCamera(VideoStreamTrack):
    """30 grey pictures a second, all of one brightness, 0..255."""

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
    """One page's stay: `async with Page(url) as page`. messages: all the server said. frame: the newest."""

    def __init__(self, url: str, **connect_options: Any) -> None:
        self.url = url
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
        self._tasks.append(asyncio.create_task(self._listen(self._socket)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Hang up all at once, as a closed tab does."""
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

    async def say(self, **message: Any) -> None:
        await self.say_text(json.dumps(message))

    async def say_text(self, text: str | bytes) -> None:
        assert self._socket is not None
        await self._socket.send(text)

    async def hear(self, kind: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """The `count`-th message of this type with these fields, once it has come."""

        def found() -> list[dict[str, Any]]:
            return [
                message
                for message in self.messages
                if message["type"] == kind and all(message.get(name) == value for name, value in fields.items())
            ]

        await self.until(lambda: len(found()) >= count, f"{kind} {fields}")
        return found()[count - 1]

    async def until(self, true: Callable[[], bool], what: str = "it") -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come; messages: {self.messages[-6:]}")
            await asyncio.sleep(0.02)

    async def greet(self, **extra: Any) -> dict[str, Any]:
        await self.say(type="hello", protocol=1, **extra)
        return await self.hear("ready")

    async def start(
        self,
        camera: MediaStreamTrack | None = None,
        microphone: MediaStreamTrack | None = None,
        codec: str | None = None,
    ) -> None:
        """Offer, and connect by trickle. Without a camera the offer only receives."""
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peer.on("track", self._on_track)
        transceiver = self.peer.addTransceiver(camera or "video", "sendrecv" if camera else "recvonly")
        if codec is not None:
            capabilities = type(transceiver.sender).getCapabilities("video").codecs
            transceiver.setCodecPreferences([one for one in capabilities if one.name == codec])
        if microphone is not None:
            self.peer.addTransceiver(microphone, "sendrecv")
        offer = await self.peer.createOffer()
        answers = sum(message["type"] == "answer" for message in self.messages)
        closings = sum(message == {"type": "candidate", "candidate": None} for message in self.messages)
        await self.say(type="offer", sdp=offer.sdp)
        await self.peer.setLocalDescription(offer)
        for index, media in enumerate(sdp.SessionDescription.parse(self.peer.localDescription.sdp).media):
            for candidate in media.ice_candidates:
                line = "candidate:" + sdp.candidate_to_sdp(candidate)
                await self.say(type="candidate", candidate=line, sdpMid=media.rtp.muxId, sdpMLineIndex=index)
        await self.say(type="candidate", candidate=None)
        answer = await self.hear("answer", answers + 1)
        await self.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        await self.hear("candidate", closings + 1, candidate=None)
        begun = self.messages.index(answer)
        for message in [one for one in self.messages[begun:] if one["type"] == "candidate"]:
            if message["candidate"] is None:
                await self.peer.addIceCandidate(None)
                continue
            candidate = sdp.candidate_from_sdp(message["candidate"].removeprefix("candidate:"))
            candidate.sdpMid, candidate.sdpMLineIndex = message["sdpMid"], message["sdpMLineIndex"]
            await self.peer.addIceCandidate(candidate)

    async def frames(self, more: int) -> None:
        """Wait for this many avatar frames more."""
        goal = self.received + more
        await self.until(lambda: self.received >= goal, f"{more} avatar frames")

    def picture(self) -> np.ndarray:
        """The newest avatar frame, (H, W, 3) uint8 RGB."""
        assert self.frame is not None
        return self.frame.to_ndarray(format="rgb24")

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._watch(track)))

    async def _watch(self, track: MediaStreamTrack) -> None:
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

    async def _listen(self, socket: ClientConnection) -> None:
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
    **engine_options: Any,
) -> AsyncIterator[tuple[str, Server]]:
    """A real server on a free port of this process and loop; yields (http address, server)."""
    settings = settings or Settings()
    engine = Engine(pipeline or FakePipeline(size=128), tracker, settings.fps, settings.max_sessions, **engine_options)
    server = Server(engine, settings, avatar or FakeAvatar(128, 128), "fake.png")
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    web = uvicorn.Server(serve_config(server.app))
    engine.start()
    task = asyncio.create_task(web.serve([listening]))
    try:
        while not web.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", server
    finally:
        await server.close()
        web.should_exit = True
        await task
        await asyncio.to_thread(engine.close)
        listening.close()


def socket_url(address: str, query: str = "") -> str:
    return address.replace("http", "ws", 1) + "/ws" + query
