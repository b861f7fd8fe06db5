"""One WebRTC peer connection: receives camera and microphone, sends the avatar and the delayed sound, or does one of
both.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDtlsTransport,
    RTCIceCandidate,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    sdp,
)

from streamer.camera import ReceivedFrame
from streamer.errors import KagamiError, ProtocolError
from streamer.frames import KEY, AvatarFrame
from streamer.options import Codec
from streamer.runtime.background_tasks import BackgroundTasks
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.meter import RECEIVED, TOTAL, Meter
from streamer.runtime.sound_feed import Samples, SoundFeed
from streamer.settings import Settings
from streamer.webrtc.datagram_filter import install_data_filter, install_media_filter, install_stun_filter
from streamer.webrtc.decoder_queue import install_decoder_queue
from streamer.webrtc.delay_line import DelayLine
from streamer.webrtc.delayed_audio import DelayedAudioTrack, pump_audio
from streamer.webrtc.encoder import install_encoder, make_encoder
from streamer.webrtc.jitter_buffer import install_jitter_buffer
from streamer.webrtc.offer import (
    MAX_CANDIDATES,
    UNREADABLE_CANDIDATE,
    Offer,
    Role,
    read_candidate,
    read_offer,
    unusable_offer,
)
from streamer.webrtc.sound_buffer import install_sound_buffer
from streamer.webrtc.stun_queries import end_stun_queries
from streamer.webrtc.tracks import AvatarTrack, pump_frames

CLOSE_TIMEOUT_S = 5.0  # for aiortc to stop its senders and receivers
QUERY_POLL_S = 0.05  # a closing connection ends those queries to STUN servers that began meanwhile
_DIRECTIONS: dict[Role, str] = {"call": "sendrecv", "view": "sendonly", "publish": "recvonly", "play": "sendonly"}
_log = logging.getLogger(__name__)
# Closings that nobody awaits any more; asyncio itself keeps no reference to a task.
_closings = BackgroundTasks()


@dataclass(frozen=True, slots=True)
class SentVideo:
    """codec: that is preferred. max_bitrate: bits a second. fps: nominal frame rate."""

    codec: Codec
    max_bitrate: int
    fps: float

    @staticmethod
    def of(settings: Settings, fps: float) -> SentVideo:
        """As a server's settings say, at the engine's frame rate."""
        return SentVideo(settings.codec, round(settings.bitrate * 1e6), fps)


class Peer:
    """Answers one offer, then carries video and sound until `close`.

    role: what the other side does. avatar: frames to send; closed at the end. A publisher is sent none.
    camera: receives the camera's frames; None for a viewer or player, which sends none.
    sound: receives the microphone's sound; None for those.
    meter: receives the stages "encode" and "total" and the events "in" and "out".
    ice_servers: STUN and TURN servers.
    video: how the avatar's video is sent.
    on_candidate: sends a local ICE candidate (line, mid, index) to the page; line None: no more follow.
    on_state: called with aiortc's `connectionState` when it changes, and with "ended" when no frame of the avatar will
        follow.
    lag_s: by how many seconds what the sound moves is later than what the camera moves; None: as `sound` says.
    """

    def __init__(
        self,
        role: Role,
        avatar: Mailbox[AvatarFrame],
        camera: Mailbox[ReceivedFrame] | None,
        sound: SoundFeed | None,
        meter: Meter,
        *,
        ice_servers: Sequence[RTCIceServer],
        video: SentVideo,
        on_candidate: Callable[[str | None, str | None, int | None], Awaitable[None]],
        on_state: Callable[[str], None],
        lag_s: Callable[[], float] | None = None,
    ) -> None:
        self.has_received_media = False  # from the camera, or the microphone, which may be all that there is
        self.too_large_frame: tuple[int, int] | None = None  # width, height of a camera frame that was refused
        self._role = role
        self._camera = camera
        self._sound = sound
        self._lag_s = lag_s or (lambda: 0.0 if sound is None else sound.lag_s)
        self._meter = meter
        self._video = video
        self._on_candidate = on_candidate
        self._on_state = on_state
        self._avatar_track = AvatarTrack(avatar, KEY if role == "play" else None)
        if role == "publish":
            avatar.close()  # nobody takes its frames
        self._avatar_track.on("ended", self._on_avatar_end)
        self._tasks = BackgroundTasks()  # cancelled by `close`
        # Calls of aiortc during which it makes sockets. `close` awaits them: sockets made after it would stay for ever,
        # and a cancelled call leaves those behind that it has made but not yet stored.
        self._setup = BackgroundTasks()
        self._closing: asyncio.Task[None] | None = None
        self._transports: list[RTCDtlsTransport] = []
        self._candidate_count = 0
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=list(ice_servers)))
        self._connection.on("connectionstatechange", self._on_connection_state)
        self._connection.on("track", self._on_track)
        self._delay_line = DelayLine()
        self._encoder: Any = None

    @property
    def target_bitrate(self) -> int:
        """Target of the video encoder, bits a second; 0 before the answer."""
        return getattr(self._encoder, "target_bitrate", 0)

    async def answer(self, text: str) -> str:
        """Apply the other side's SDP offer and return the SDP answer; local candidates follow by `on_candidate`.

        Raises NegotiationError, after which the peer can only be closed.
        """
        offer = read_offer(text, self._role)
        try:
            self._add_tracks(offer)
            await self._connection.setRemoteDescription(RTCSessionDescription(offer.text, "offer"))
            description = await self._connection.createAnswer()
            self._install_codecs(sdp.SessionDescription.parse(description.sdp))
            gathering = self._setup.spawn(self._connection.setLocalDescription(description))
            await asyncio.sleep(0)  # aiortc checks the answer before it begins to gather
            if gathering.done():
                gathering.result()
        except KagamiError:
            raise
        except Exception as error:  # aiortc asserts and indexes without checks
            _log.info("offer refused: %r", error)
            raise unusable_offer(self._role) from error
        self._candidate_count = len(offer.candidates)
        self._tasks.spawn(self._send_candidates(gathering))
        self._tasks.spawn(self._add_candidates(offer))
        return description.sdp

    async def add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        """Add a remote ICE candidate.

        line: as in SDP without `a=`; None: no more will come. mid, index: its media line (sdpMid, sdpMLineIndex).
        Raises ProtocolError if it cannot be parsed, or for more than MAX_CANDIDATES, those of the offer included.
        """
        self._candidate_count += 1
        if self._candidate_count > MAX_CANDIDATES:
            raise ProtocolError(f"More than {MAX_CANDIDATES} candidates came; this one was ignored.")
        candidate = None if line is None else read_candidate(line, mid, index)
        try:
            await self._add_candidate(candidate)
        except Exception as error:  # aiortc asserts and indexes without checks
            raise ProtocolError(UNREADABLE_CANDIDATE) from error

    def hear(self, samples: Samples) -> None:
        """Send this sound to a player, delayed as the avatar is. May be called from any thread."""
        self._delay_line.push(samples, time.monotonic())

    async def close(self) -> None:
        """Close the connection and end its tasks; may be called again.

        While local candidates are gathered this takes until they are: queries to STUN servers are ended, while a TURN
        server that does not answer takes 5 seconds. It goes on where the caller is cancelled, so that no socket stays.
        """
        if self._closing is None:
            self._closing = _closings.spawn(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._connection.remove_all_listeners()
        self._avatar_track.stop()
        self._tasks.cancel()
        ending = asyncio.gather(*self._tasks, *self._setup, return_exceptions=True)
        while not ending.done():
            for transport in self._transports:
                end_stun_queries(transport.transport)
            await asyncio.wait([ending], timeout=QUERY_POLL_S)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.close()
        except Exception:  # aiortc stops at the first part that it cannot stop
            _log.warning("a connection did not close by itself", exc_info=True)
            for transport in self._transports:
                with contextlib.suppress(Exception):
                    await transport.stop()
                with contextlib.suppress(Exception):
                    await transport.transport.stop()

    def _add_tracks(self, offer: Offer) -> None:
        """Add our tracks to the media lines of the offer."""
        for media in offer.media:
            track: MediaStreamTrack | str = media.kind
            if media.kind == "video" and self._role != "publish":
                track = self._avatar_track
            elif media.kind == "audio" and self._role in ("call", "play"):
                track = DelayedAudioTrack(self._delay_line, self._video_delay)
            if media.kind == "video" or self._role != "view":
                transceiver = self._connection.addTransceiver(track, _DIRECTIONS[self._role])
            if media.kind == "video":
                transceiver.setCodecPreferences(codec_preferences(self._video.codec))
        self._transports = [each.receiver.transport for each in self._connection.getTransceivers()]
        for transport in self._transports:
            install_data_filter(transport.transport)
            install_media_filter(transport)

    def _install_codecs(self, answer: sdp.SessionDescription) -> None:
        """Replace aiortc's video encoder, jitter buffer and decoder queue by our own."""
        video = next(media for media in answer.media if media.kind == "video")
        max_bitrate, fps = self._video.max_bitrate, self._video.fps
        self._encoder = make_encoder(video.rtp.codecs[0].name, max_bitrate, fps, self._on_encoded)
        transceiver = next(each for each in self._connection.getTransceivers() if each.kind == "video")
        install_encoder(transceiver.sender, self._encoder)
        decoding = install_decoder_queue(transceiver.receiver, self._on_too_large_frame)
        install_jitter_buffer(transceiver.receiver, None if decoding is None else decoding.expect_key_frame)
        for each in self._connection.getTransceivers():
            if each.kind == "audio":
                install_sound_buffer(each.receiver)

    async def _add_candidate(self, candidate: RTCIceCandidate | None) -> None:
        """Add a remote candidate. A name under `.local` is resolved first, over a socket that aiortc makes."""
        if self._closing is None:
            await asyncio.shield(self._setup.spawn(self._connection.addIceCandidate(candidate)))

    async def _add_candidates(self, offer: Offer) -> None:
        """Add the candidates of the offer, after the answer, since names among them take up to a second."""
        results = await asyncio.gather(*map(self._add_candidate, offer.candidates), return_exceptions=True)
        for error in filter(None, results):
            _log.info("a candidate of an offer was ignored: %r", error)
        if offer.candidates_complete:
            await self._add_candidate(None)

    async def _send_candidates(self, gathering: asyncio.Task[None]) -> None:
        """Send the local ICE candidates one by one. gathering: finds them, which may take seconds with STUN."""
        try:
            await asyncio.shield(gathering)
        except Exception:
            _log.warning("the candidates of a connection could not be gathered", exc_info=True)
            self._on_state("failed")
            return
        for transport in self._transports:
            install_stun_filter(transport.transport)
        sent: set[str] = set()
        for index, media in enumerate(sdp.SessionDescription.parse(self._connection.localDescription.sdp).media):
            for candidate in media.ice_candidates:
                line = "candidate:" + sdp.candidate_to_sdp(candidate)
                if line not in sent:  # with BUNDLE every media line repeats them
                    sent.add(line)
                    await self._on_candidate(line, media.rtp.muxId, index)
        await self._on_candidate(None, None, None)

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "video" and self._camera is not None:
            self._tasks.spawn(pump_frames(track, self._camera, self._on_camera_frame, self._on_too_large_frame))
        elif track.kind == "audio":
            self._tasks.spawn(pump_audio(track, self._delay_line, self._on_sound))

    def _on_camera_frame(self) -> None:
        self.has_received_media = True
        self._meter.tick(RECEIVED)

    def _on_sound(self, samples: Samples) -> None:
        if self._sound is not None:
            self.has_received_media = True
            self._sound.put(samples)

    def _on_too_large_frame(self, width: int, height: int) -> None:
        self.too_large_frame = width, height

    def _on_encoded(self, milliseconds: float) -> None:
        """Called by the encoder, in its executor thread."""
        self._meter.add({"encode": milliseconds})
        self._meter.tick("out")
        if self._avatar_track.last_frame is not None:
            self._meter.add({TOTAL: (time.monotonic() - self._avatar_track.last_frame.captured) * 1000})

    def _video_delay(self) -> float:
        """Median latency of the video on this server, seconds, by which the sound is delayed, and what a mouth that the
        sound itself moves is later.
        """
        return self._meter.percentiles(TOTAL)["p50"] / 1000 + self._lag_s()

    def _on_avatar_end(self) -> None:
        if self._closing is None:
            self._on_state("ended")

    def _on_connection_state(self) -> None:
        self._on_state(self._connection.connectionState)


def codec_preferences(codec: Codec) -> list[Any]:
    """Codec capabilities with the preferred codec first; empty for the order of the page's offer."""
    if codec == "auto":
        return []
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    return sorted(capabilities, key=lambda capability: capability.name.lower() != codec)
