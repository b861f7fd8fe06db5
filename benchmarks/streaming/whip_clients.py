"""An encoder that publishes by WHIP and a player of WHEP, both without a browser: aiortc and plain HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpsender import RTCRtpSender
from av import AudioFrame, VideoFrame

from streamer.webrtc.decoder_queue import install_decoder_queue
from streamer.webrtc.encoder import install_encoder, make_encoder
from streamer.webrtc.jitter_buffer import install_jitter_buffer
from streamer.webrtc.sound_buffer import install_sound_buffer
from streamer.webrtc.whip_client import MediaSession, end_session, post_offer

CAMERA_BITRATE = 2_500_000  # bits a second: the usual one of OBS
WAIT_S = 20.0  # for a connection or a frame


class WhipClient:
    """`async with` it: entering offers and connects, leaving ends the session. session: what the server made of it.

    url: of the endpoint. token: for it. codec: "VP8" or "H264". early: sends its candidates inside the offer; without
    it the server learns them from its connectivity checks, as with OBS.
    """

    def __init__(self, url: str, token: str | None = None, codec: str = "VP8", early: bool = True) -> None:
        self.url = url
        self.token = token
        self.codec = codec
        self.session: MediaSession | None = None
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.ended = asyncio.Event()  # the server has ended the connection
        self._early = early
        self._connected = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException:
            await self.connection.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    def add_media(self) -> None:
        """Add what is offered."""
        raise NotImplementedError

    async def connect(self) -> None:
        """Offer and connect. Raises MediaServerError where the server refuses, TimeoutError without a connection."""
        self.add_media()
        self.connection.on("connectionstatechange", self._on_state)
        offer = await self.connection.createOffer()
        text = offer.sdp
        await self.connection.setLocalDescription(offer)
        if self._early:
            text = self.connection.localDescription.sdp
        self.session = await asyncio.to_thread(post_offer, self.url, text, self.token)
        await self.connection.setRemoteDescription(RTCSessionDescription(self.session.answer, "answer"))
        await asyncio.wait_for(self._connected.wait(), WAIT_S)

    async def close(self) -> None:
        """End the session and the connection; may be called again."""
        session, self.session = self.session, None
        if session is not None:
            await asyncio.to_thread(end_session, session, self.token)
        await self.connection.close()

    async def vanish(self) -> None:
        """Close the connection without a word over HTTP, as a program that ends."""
        self.session = None
        await self.connection.close()

    def _on_state(self) -> None:
        if self.connection.connectionState == "connected":
            self._connected.set()
        elif self.connection.connectionState in ("failed", "closed"):
            self.ended.set()


class WhipEncoder(WhipClient):
    """Publishes a camera and, if there is one, a microphone. fps: nominal, of the camera."""

    def __init__(
        self,
        url: str,
        camera: MediaStreamTrack,
        microphone: MediaStreamTrack | None = None,
        token: str | None = None,
        codec: str = "VP8",
        early: bool = True,
        fps: float = 30.0,
    ) -> None:
        super().__init__(url, token, codec, early)
        self._camera, self._microphone, self._fps = camera, microphone, fps

    def add_media(self) -> None:
        transceiver = self.connection.addTransceiver(self._camera, "sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([codec for codec in codecs if codec.name == self.codec])
        install_encoder(transceiver.sender, make_encoder(self.codec, CAMERA_BITRATE, self._fps, lambda _: None))
        if self._microphone is not None:
            self.connection.addTransceiver(self._microphone, "sendonly")


class WhepPlayer(WhipClient):
    """Receives the avatar, and sound with `hears`. on_frame: called with each frame and its arrival on time.monotonic.

    frame: the newest frame. received: how many came. sound: the newest frame of it.
    """

    def __init__(
        self,
        url: str,
        on_frame: Callable[[VideoFrame, float], None] = lambda frame, at: None,
        token: str | None = None,
        codec: str = "VP8",
        early: bool = True,
        hears: bool = True,
    ) -> None:
        super().__init__(url, token, codec, early)
        self.frame: VideoFrame | None = None
        self.received = 0
        self.sound: AudioFrame | None = None
        self._on_frame = on_frame
        self._hears = hears
        self._tasks: list[asyncio.Task[None]] = []

    def add_media(self) -> None:
        video = self.connection.addTransceiver("video", "recvonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        video.setCodecPreferences([codec for codec in codecs if codec.name == self.codec])
        decoding = install_decoder_queue(video.receiver, lambda width, height: None)
        install_jitter_buffer(video.receiver, None if decoding is None else decoding.expect_key_frame)
        if self._hears:
            install_sound_buffer(self.connection.addTransceiver("audio", "recvonly").receiver)
        self.connection.on("track", self._on_track)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Raises TimeoutError after WAIT_S."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        await super().close()
        await self._end_tasks()

    async def vanish(self) -> None:
        await super().vanish()
        await self._end_tasks()

    async def _end_tasks(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._receive(track)))

    async def _receive(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, VideoFrame):
                self.frame = frame
                self.received += 1
                self._on_frame(frame, time.monotonic())
            else:
                assert isinstance(frame, AudioFrame)
                self.sound = frame
