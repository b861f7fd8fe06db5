"""A WebRTC client without a browser: it sends a clip as its camera and reads the bar codes of the avatar's frames, and
so the pitches of a microphone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.sdp import candidate_from_sdp
from av import AudioFrame, VideoFrame
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.streaming import barcode
from benchmarks.streaming.clip_camera import ClipCamera
from benchmarks.streaming.coded_sound import CodedMicrophone, read_step
from benchmarks.streaming.lossy_network import LossyNetwork
from streamer.errors import KagamiError
from streamer.frames import Image
from streamer.webrtc.decoder_queue import install_decoder_queue
from streamer.webrtc.encoder import install_encoder, make_encoder
from streamer.webrtc.jitter_buffer import install_jitter_buffer
from streamer.webrtc.sound_buffer import install_sound_buffer

CAMERA_BITRATE = 1_500_000  # bits a second: what Chromium settles on for 640x480
ANSWER_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 120.0  # for the connection and the calibration

OnFrame = Callable[[int, Image], None]
OnVideo = Callable[[float, VideoFrame], None]
OnSound = Callable[[float, AudioFrame], None]


@dataclass
class ReceiverLog:
    """What the client received. Times: seconds on `time.monotonic`.

    frames: arrival of each decoded avatar frame.
    first_seen: by tick, arrival of the first avatar frame that carries the bar code of this camera frame.
    size: width, height of the last frame.
    sound: arrival of each frame of sound, its length in seconds, and the step of its pitch, see `read_step`.
    unread: arrival of frames whose bar code could not be read.
    stats: the server's `stats` messages, one a second.
    states: arrival, phase and sentence of its `state` messages.
    pictures: arrival and stage of its `picture-status` messages.
    """

    frames: list[float] = field(default_factory=list)
    first_seen: dict[int, float] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    sound: list[tuple[float, float, int | None]] = field(default_factory=list)
    unread: list[float] = field(default_factory=list)
    stats: list[dict[str, Any]] = field(default_factory=list)
    states: list[tuple[float, str, str | None]] = field(default_factory=list)
    pictures: list[tuple[float, str]] = field(default_factory=list)

    def has_been(self, phase: str, since: float = 0.0) -> bool:
        """Whether tracking has been in a phase, by the messages since then."""
        return any(at >= since and known == phase for at, known, _ in self.states)


def ignore_frame(tick: int, picture: Image) -> None:
    """The `OnFrame` that does nothing."""


class SessionRefusedError(KagamiError):
    """The server refused or ended the session, or did not answer in time; the message is one sentence."""


class WebRtcClient:
    """One session: `async with WebRtcClient(...) as client: await client.watch(10)`; then read `log` and
    `camera.sent_at`. session: its secret id, for uploads.

    url: ws://HOST:PORT/ws. frames, fps: of the camera; without frames there is none. codec: "VP8" or "H264". on_frame:
    called with the tick and the luma, (H, W) uint8, of each avatar frame whose bar code no earlier frame carried.
    network: that its media pass; None for the direct way. microphone: sends sound, too. sound_codec: "opus", "G722",
    "PCMU" or "PCMA", and sound_rate: of the microphone; both take effect with the next connection. on_video, on_sound:
    may be set, and get the arrival of each avatar frame and each frame of sound, seconds on `time.monotonic`, and the
    frame. A connection that the server reports as lost is set up anew. Entering raises SessionRefusedError where the
    server refuses the session, and OSError where no server answers.
    """

    def __init__(
        self,
        url: str,
        frames: list[Image],
        fps: float,
        codec: str = "VP8",
        on_frame: OnFrame = ignore_frame,
        network: LossyNetwork | None = None,
        microphone: CodedMicrophone | None = None,
    ) -> None:
        self.log = ReceiverLog()
        self.microphone = microphone
        self.sound_codec, self.sound_rate = "opus", 48_000
        self.on_video: OnVideo | None = None
        self.on_sound: OnSound | None = None
        self._network = network
        self._on_frame = on_frame
        self.camera = ClipCamera(frames, fps)
        self.session = ""
        self._url = url
        self._codec = codec
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    async def __aenter__(self) -> WebRtcClient:
        try:
            self._socket = await connect(self._url, max_size=2**20)
            await self._negotiate(self._socket)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def wait_until(self, done: Callable[[ReceiverLog], bool], timeout: float, what: str) -> None:
        """Wait until `done` holds for the log. what: its name, for the error.

        Raises SessionRefusedError after `timeout` seconds, and when the session has ended.
        """

        async def watch() -> None:
            while not done(self.log):
                self._changed.clear()
                waiting = asyncio.create_task(self._changed.wait())
                await asyncio.wait([waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                self._check_tasks()

        try:
            await asyncio.wait_for(watch(), timeout)
        except TimeoutError:
            raise SessionRefusedError(f"{what} did not come within {timeout:.0f} s.") from None

    async def watch(self, seconds: float) -> None:
        """Let the session run. Raises SessionRefusedError if it ends earlier."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            await asyncio.wait(self._tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            self._check_tasks()

    def _check_tasks(self) -> None:
        """Raises what ended a task, and SessionRefusedError where the server has ended the session. Tasks of a
        connection that was replaced are over.
        """
        for task in [each for each in self._tasks if each.done()]:
            task.result()
            if task.get_name() == "signalling":
                raise SessionRefusedError("The server has ended the session.")
            self._tasks.remove(task)

    async def close(self) -> None:
        """Send `bye` and release everything; may be called again."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._socket is not None:
            with contextlib.suppress(Exception):  # the connection may be closed already
                await self._socket.send(json.dumps({"type": "bye"}))
            await self._socket.close()
            self._socket = None
        self.camera.stop()
        if self.microphone is not None:
            self.microphone.stop()
        await self._connection.close()

    async def reconnect(self) -> None:
        """Set the media connection up anew, with the same camera, as the page does after an ICE failure."""
        assert self._socket is not None
        await self._connection.close()
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        await self._offer(self._socket)
        answer = await asyncio.wait_for(self._answers.get(), ANSWER_TIMEOUT_S)
        await self._connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

    async def _negotiate(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"type": "hello", "protocol": 1}))
        self.session = (await self._expect(socket, "ready"))["session"]
        await self._offer(socket)
        answer = await self._expect(socket, "answer")
        await self._connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        self._tasks.append(asyncio.create_task(self._receive_messages(socket), name="signalling"))

    async def _offer(self, socket: ClientConnection) -> None:
        pc = self._connection
        pc.on("track", self._on_track)
        transceiver = pc.addTransceiver(_Lent(self.camera) if self.camera.frames else "video", direction="sendrecv")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([codec for codec in codecs if codec.name == self._codec])
        # As browsers do, and aiortc alone does not: a bitrate that suits a face, and frames that wait until complete.
        camera_encoder = make_encoder(self._codec, CAMERA_BITRATE, self.camera.fps, lambda _: None)
        install_encoder(transceiver.sender, camera_encoder)
        decoding = install_decoder_queue(transceiver.receiver, lambda width, height: None)
        install_jitter_buffer(transceiver.receiver, None if decoding is None else decoding.expect_key_frame)
        if self.microphone is not None:
            self.microphone.rate = self.sound_rate
            sound = pc.addTransceiver(_Lent(self.microphone), direction="sendrecv")
            codecs = RTCRtpSender.getCapabilities("audio").codecs
            sound.setCodecPreferences([codec for codec in codecs if codec.name == self.sound_codec])
            install_sound_buffer(sound.receiver)
        await pc.setLocalDescription(await pc.createOffer())
        if self._network is not None:
            self._network.install(pc)
        await socket.send(json.dumps({"type": "offer", "sdp": pc.localDescription.sdp}))

    async def _expect(self, socket: ClientConnection, kind: str) -> dict[str, Any]:
        while True:
            try:
                message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), ANSWER_TIMEOUT_S))
            except TimeoutError:
                raise SessionRefusedError(f"The server sent no '{kind}' within {ANSWER_TIMEOUT_S:.0f} s.") from None
            except ConnectionClosed as closed:
                raise SessionRefusedError(f"The server closed the conversation before '{kind}' ({closed}).") from closed
            if message["type"] == kind:
                return message
            await self._handle(message)

    async def _receive_messages(self, socket: ClientConnection) -> None:
        async for text in socket:
            await self._handle(json.loads(text))

    async def _handle(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "candidate" if message["candidate"]:
                candidate = candidate_from_sdp(message["candidate"].removeprefix("candidate:"))
                candidate.sdpMid, candidate.sdpMLineIndex = message["sdpMid"], message["sdpMLineIndex"]
                await self._connection.addIceCandidate(candidate)
            case "answer":
                self._answers.put_nowait(message)
            case "stats":
                self.log.stats.append(message)
            case "state":
                self.log.states.append((time.monotonic(), message["phase"], message["message"]))
            case "picture-status":
                self.log.pictures.append((time.monotonic(), message["stage"]))
            case "error" if message["code"] == "connection":
                self._tasks.append(asyncio.create_task(self.reconnect(), name="reconnect"))
            case "error" | "bye":
                raise SessionRefusedError(message.get("message") or message.get("reason"))
        self._changed.set()

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "video":
            self._tasks.append(asyncio.create_task(self._receive_track(track), name="receive"))
        else:
            self._tasks.append(asyncio.create_task(self._receive_sound(track), name="receive sound"))

    async def _receive_sound(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            now = time.monotonic()
            if self.on_sound is not None:
                self.on_sound(now, frame)
            samples = frame.to_ndarray().reshape(-1)[:: frame.layout.nb_channels].astype(np.int16)
            step = read_step(samples, frame.sample_rate)
            self.log.sound.append((now, len(samples) / frame.sample_rate, step))

    async def _receive_track(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            now = time.monotonic()
            assert isinstance(frame, VideoFrame)
            self.log.frames.append(now)
            self.log.size = (frame.width, frame.height)
            if self.on_video is not None:
                self.on_video(now, frame)
            number = barcode.read(luma(frame))
            if number is None:
                self.log.unread.append(now)
            elif (tick := self.camera.tick_of(number)) not in self.log.first_seen:
                self.log.first_seen[tick] = now
                self._on_frame(tick, luma(frame))
            self._changed.set()


class _Lent(MediaStreamTrack):
    """A track for one connection, which aiortc stops with it; the track behind it goes on."""

    def __init__(self, track: MediaStreamTrack) -> None:
        self.kind = track.kind
        super().__init__()
        self._track = track

    async def recv(self) -> Any:
        return await self._track.recv()


def luma(frame: VideoFrame) -> Image:
    """The luma plane (H, W) uint8 of a yuv420p frame; a view."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


@contextlib.asynccontextmanager
async def live_client(
    page_url: str,
    frames: list[Image],
    fps: float,
    codec: str,
    on_frame: OnFrame = ignore_frame,
    network: LossyNetwork | None = None,
    microphone: CodedMicrophone | None = None,
) -> AsyncIterator[WebRtcClient]:
    """A client that is connected and calibrated. page_url: http://HOST:PORT; the others as for `WebRtcClient`. Raises
    SessionRefusedError.
    """
    url = page_url.replace("http://", "ws://").rstrip("/") + "/ws"
    async with WebRtcClient(url, frames, fps, codec, on_frame, network, microphone) as client:
        await client.wait_until(lambda log: bool(log.first_seen), CONNECT_TIMEOUT_S / 2, "The first avatar frame")
        await client.wait_until(lambda log: log.has_been("live"), CONNECT_TIMEOUT_S / 2, "The end of the calibration")
        yield client


def dropped_frames(log: ReceiverLog) -> dict[str, int]:
    """Frames that the server has dropped since the start of the session, by mailbox, as in its last `stats` message."""
    return dict(log.stats[-1]["drops"]) if log.stats else {}
