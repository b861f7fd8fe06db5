"""One WebRTC peer connection: receives camera and microphone, sends the avatar and the delayed sound."""

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
from streamer.runtime.meter import TOTAL, Meter
from streamer.webrtc.delayed_audio import DelayedAudioTrack, DelayLine, pump_audio
from streamer.webrtc.encoder import install_encoder, make_encoder
from streamer.webrtc.jitter_buffer import install_jitter_buffer
from streamer.webrtc.tracks import AvatarTrack, pump_frames

MAX_CANDIDATES = 64  # of the page, per connection
_log = logging.getLogger(__name__)

# What aiortc raises for SDP that it cannot use: its parser asserts and indexes without checks.
_SDP_ERRORS = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError,
    InternalError, InvalidAccessError, InvalidStateError, OperationError,
)  # fmt: skip
_UNUSABLE_OFFER = "The page's connection offer cannot be used; reload the page or try another browser."


class Peer:
    """Answers one offer, then carries video and sound until `close`.

    avatar: frames to send; closed at the end.
    camera: receives the camera's frames; None for a viewer, which sends none.
    meter: receives the stages "encode" and "total" and the events "in" and "out".
    ice_servers: STUN and TURN servers.
    codec: preferred video codec.
    max_bitrate: of the avatar's video, bits a second.
    fps: nominal frame rate of the avatar's video.
    on_candidate: sends a local ICE candidate (line, mid, index) to the page; line None: no more follow.
    on_state: called with aiortc's `connectionState` when it changes.
    """

    def __init__(
        self,
        avatar: Mailbox[AvatarFrame],
        camera: Mailbox[ReceivedFrame] | None,
        meter: Meter,
        *,
        ice_servers: Sequence[RTCIceServer],
        codec: Codec,
        max_bitrate: int,
        fps: float,
        on_candidate: Callable[[str | None, str | None, int | None], Awaitable[None]],
        on_state: Callable[[str], None],
    ) -> None:
        self.has_received_frame = False  # from the camera
        self._camera = camera
        self._meter = meter
        self._codec = codec
        self._max_bitrate = max_bitrate
        self._fps = fps
        self._on_candidate = on_candidate
        self._on_state = on_state
        self._avatar_track = AvatarTrack(avatar)
        self._tasks: set[asyncio.Task[None]] = set()
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

    async def answer(self, offer: str) -> str:
        """Apply the page's SDP offer and return the SDP answer; local candidates follow by `on_candidate`.

        Raises NegotiationError.
        """
        try:
            self._add_tracks(sdp.SessionDescription.parse(offer))
            await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            description = await self._connection.createAnswer()
            self._install_codecs(sdp.SessionDescription.parse(description.sdp))
        except _SDP_ERRORS as error:
            _log.info("offer refused: %r", error)
            raise NegotiationError(_UNUSABLE_OFFER) from error
        self._spawn(self._send_candidates(description))
        return description.sdp

    async def add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        """Add a remote ICE candidate.

        line: as in SDP without `a=`; None: no more will come. mid, index: its media line (sdpMid, sdpMLineIndex).
        Raises ProtocolError if it cannot be parsed, or for more than MAX_CANDIDATES.
        """
        self._candidate_count += 1
        if self._candidate_count > MAX_CANDIDATES:
            raise ProtocolError(f"More than {MAX_CANDIDATES} candidates came; this one was ignored.")
        try:
            if line is None:
                await self._connection.addIceCandidate(None)
                return
            candidate = sdp.candidate_from_sdp(line.removeprefix("candidate:"))
            candidate.sdpMid, candidate.sdpMLineIndex = mid, index
            await self._connection.addIceCandidate(candidate)
        except _SDP_ERRORS as error:
            raise ProtocolError("A candidate cannot be read; it was ignored.") from error

    async def close(self) -> None:
        """Close the connection and end its tasks; may be called again."""
        self._connection.remove_all_listeners()
        self._avatar_track.stop()
        await self._connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _add_tracks(self, offer: sdp.SessionDescription) -> None:
        """Add our tracks to the media lines of the offer. Raises NegotiationError if a line is missing or too many."""
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
                transceiver = self._connection.addTransceiver(self._avatar_track, direction)
                transceiver.setCodecPreferences(_codec_preferences(self._codec))
            elif self._camera is not None:
                self._connection.addTransceiver(DelayedAudioTrack(self._delay_line, self._video_delay), "sendrecv")

    def _install_codecs(self, answer: sdp.SessionDescription) -> None:
        """Replace aiortc's video encoder and jitter buffer by our own."""
        video = next(media for media in answer.media if media.kind == "video")
        self._encoder = make_encoder(video.rtp.codecs[0].name, self._max_bitrate, self._fps, self._on_encoded)
        transceiver = next(each for each in self._connection.getTransceivers() if each.kind == "video")
        install_encoder(transceiver.sender, self._encoder)
        install_jitter_buffer(transceiver.receiver)

    async def _send_candidates(self, description: RTCSessionDescription) -> None:
        """Gather the local ICE candidates, which may take seconds with STUN, and send them one by one."""
        await self._connection.setLocalDescription(description)
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
            self._spawn(pump_frames(track, self._camera, self._on_camera_frame))
        elif track.kind == "audio":
            self._spawn(pump_audio(track, self._delay_line))

    def _on_camera_frame(self) -> None:
        self.has_received_frame = True
        self._meter.tick("in")

    def _on_encoded(self, milliseconds: float) -> None:
        """Called by the encoder, in its executor thread."""
        self._meter.add({"encode": milliseconds})
        self._meter.tick("out")
        if self._avatar_track.last_frame is not None:
            self._meter.add({TOTAL: (time.monotonic() - self._avatar_track.last_frame.captured) * 1000})

    def _video_delay(self) -> float:
        """Median latency of the video on this server, seconds, by which the sound is delayed."""
        return self._meter.percentiles(TOTAL)["p50"] / 1000

    def _on_connection_state(self) -> None:
        self._on_state(self._connection.connectionState)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _codec_preferences(codec: Codec) -> list[Any]:
    """Codec capabilities with the preferred codec first; empty for the order of the page's offer."""
    if codec == "auto":
        return []
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    return sorted(capabilities, key=lambda capability: capability.name.lower() != codec)
