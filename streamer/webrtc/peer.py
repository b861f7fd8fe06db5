"""One WebRTC connection: camera and microphone in, avatar and delayed sound out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    sdp,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError

from streamer.camera import ReceivedFrame
from streamer.errors import NegotiationError, ProtocolError
from streamer.frames import AvatarFrame
from streamer.options import Codec
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.meter import Meter
from streamer.webrtc.delayed_audio import DelayedAudioTrack, DelayLine, pump_audio
from streamer.webrtc.encoder import install_encoder, make_encoder
from streamer.webrtc.jitter_buffer import install_jitter_buffer
from streamer.webrtc.tracks import AvatarTrack, pump_frames

MAX_CANDIDATES = 64
_log = logging.getLogger(__name__)

# What aiortc raises at SDP that it cannot use; it parses by asserting and indexing.
_WRONG_SDP = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError,
    InternalError, InvalidAccessError, InvalidStateError, OperationError,
)  # fmt: skip
_CONFUSED = "The page's connection offer cannot be used; reload the page or try another browser."


class Peer:
    """Answers one offer; then passes pictures and sound until `close`.

    out: avatar frames to send. camera: where camera pictures go, None for a viewer. meter: gets `encode` and `total`,
    the events `in` and `out`. on_candidate: sends a local ICE candidate (line, mid, index; line None closes the list).
    on_state: called with aiortc's connection state when it changes.
    """

    def __init__(
        self,
        out: Mailbox[AvatarFrame],
        camera: Mailbox[ReceivedFrame] | None,
        meter: Meter,
        *,
        ice_servers: Sequence[RTCIceServer],
        codec: Codec,
        bitrate: int,
        fps: float,
        on_candidate: Callable[[str | None, str | None, int | None], Awaitable[None]],
        on_state: Callable[[str], None],
    ) -> None:
        self.has_received_frame = False  # a camera picture has come
        self._camera = camera
        self._meter = meter
        self._codec = codec
        self._most = bitrate
        self._fps = fps
        self._on_candidate = on_candidate
        self._on_state = on_state
        self._video = AvatarTrack(out)
        self._tasks: set[asyncio.Task[None]] = set()
        self._candidates = 0
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=list(ice_servers)))
        self._connection.on("connectionstatechange", self._on_change)
        self._connection.on("track", self._on_track)
        self._sound = DelayLine()
        self._encoder: Any = None

    @property
    def state(self) -> str:
        return self._connection.connectionState

    @property
    def target_bitrate(self) -> int:
        """What the encoder aims at now, bits a second."""
        return getattr(self._encoder, "target_bitrate", 0)

    async def answer(self, offer: str) -> str:
        """Take the page's SDP; returns the answer, to which candidates trickle. Raises NegotiationError."""
        try:
            self._prepare(sdp.SessionDescription.parse(offer))
            await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            description = await self._connection.createAnswer()
            self._install_codecs(sdp.SessionDescription.parse(description.sdp))
        except _WRONG_SDP as error:
            _log.info("offer refused: %r", error)
            raise NegotiationError(_CONFUSED) from error
        self._spawn(self._gather(description))
        return description.sdp

    async def add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        """Add a remote ICE candidate.

        line: as in SDP without `a=`; None: no more will come. mid, index: its media line (sdpMid, sdpMLineIndex).
        Raises ProtocolError if it cannot be parsed, or for more than MAX_CANDIDATES.
        """
        self._candidates += 1
        if self._candidates > MAX_CANDIDATES:
            raise ProtocolError(f"More than {MAX_CANDIDATES} candidates came; this one was ignored.")
        try:
            if line is None:
                await self._connection.addIceCandidate(None)
                return
            candidate = sdp.candidate_from_sdp(line.removeprefix("candidate:"))
            candidate.sdpMid, candidate.sdpMLineIndex = mid, index
            await self._connection.addIceCandidate(candidate)
        except _WRONG_SDP as error:
            raise ProtocolError("A candidate cannot be read; it was ignored.") from error

    async def close(self) -> None:
        """Free everything; may be called again."""
        self._connection.remove_all_listeners()
        self._video.stop()
        await self._connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _prepare(self, offer: sdp.SessionDescription) -> None:
        """Put our tracks where the offer has room for them."""
        kinds = [media.kind for media in offer.media]
        if kinds.count("video") != 1 or kinds.count("audio") > 1 or len(kinds) > 2:
            raise NegotiationError("The offer must have one video line and at most one audio line; reload the page.")
        for media in offer.media:
            sends, receives = media.direction in ("sendrecv", "sendonly"), media.direction in ("sendrecv", "recvonly")
            if media.kind == "video" and not receives:
                raise NegotiationError("The offer takes no video back; reload the page.")
            if media.kind == "video" and self._camera is not None and not sends:
                raise NegotiationError("The offer sends no camera video; allow the camera and start again.")
            if media.kind == "video":
                direction = "sendrecv" if self._camera is not None else "sendonly"
                transceiver = self._connection.addTransceiver(self._video, direction)
                transceiver.setCodecPreferences(_preferred(self._codec))
            elif self._camera is not None:
                self._connection.addTransceiver(DelayedAudioTrack(self._sound, self._delay), "sendrecv")

    def _install_codecs(self, answer: sdp.SessionDescription) -> None:
        """Put our own encoder and buffer in place of aiortc's."""
        video = next(media for media in answer.media if media.kind == "video")
        self._encoder = make_encoder(video.rtp.codecs[0].name, self._most, self._fps, self._on_encoded)
        transceiver = next(one for one in self._connection.getTransceivers() if one.kind == "video")
        install_encoder(transceiver.sender, self._encoder)
        install_jitter_buffer(transceiver.receiver)

    async def _gather(self, description: RTCSessionDescription) -> None:
        """Gather candidates, which may take seconds with STUN, and send them; then aiortc connects."""
        await self._connection.setLocalDescription(description)
        sent: set[str] = set()
        for index, media in enumerate(sdp.SessionDescription.parse(self._connection.localDescription.sdp).media):
            for candidate in media.ice_candidates:
                line = "candidate:" + sdp.candidate_to_sdp(candidate)
                if line not in sent:  # bundled lines repeat them
                    sent.add(line)
                    await self._on_candidate(line, media.rtp.muxId, index)
        await self._on_candidate(None, None, None)

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "video" and self._camera is not None:
            self._spawn(pump_frames(track, self._camera, self._on_picture))
        elif track.kind == "audio":
            self._spawn(pump_audio(track, self._sound))

    def _on_picture(self) -> None:
        self.has_received_frame = True
        self._meter.tick("in")

    def _on_encoded(self, milliseconds: float) -> None:
        """Called in the executor."""
        self._meter.add({"encode": milliseconds})
        self._meter.tick("out")
        if self._video.sent is not None:
            self._meter.add({"total": (time.monotonic() - self._video.sent.captured) * 1000})

    def _delay(self) -> float:
        """Seconds that the picture needs from here to here, as a rule: what the sound has to wait."""
        return self._meter.percentiles("total")["p50"] / 1000

    def _on_change(self) -> None:
        self._on_state(self._connection.connectionState)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _preferred(codec: Codec) -> list[Any]:
    """Codec capabilities, the wanted one first; empty for the browser's own order."""
    if codec == "auto":
        return []
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    return sorted(capabilities, key=lambda one: one.name.lower() != codec)
