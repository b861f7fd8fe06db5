"""Sends the avatar and its sound to a media server by WHIP: an output beside the peer connections of pages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription, sdp

from streamer.errors import MediaServerError
from streamer.frames import KEY, AvatarFrame
from streamer.options import Codec
from streamer.runtime.mailbox import Mailbox, MailboxClosed
from streamer.runtime.sound_feed import Samples
from streamer.webrtc.attempts import Attempts
from streamer.webrtc.delay_line import DelayLine
from streamer.webrtc.delayed_audio import DelayedAudioTrack
from streamer.webrtc.encoder import install_encoder, make_encoder
from streamer.webrtc.peer import codec_preferences
from streamer.webrtc.stun_queries import end_stun_queries
from streamer.webrtc.tracks import AvatarTrack
from streamer.webrtc.whip_client import MediaSession, end_session, post_offer, server_of

CONNECT_TIMEOUT_S = 15.0  # from the answer to the media connection
NOBODY_LIVE_S = 5.0  # without a frame, until the media server is told that the stream has ended
END_TIMEOUT_S = 1.0  # for the media server's answer to the end of a stream: a server has 2.5 s for its own
CLOSE_TIMEOUT_S = 5.0  # for aiortc, which usually takes milliseconds
QUERY_POLL_S = 0.05  # an output that closes ends those queries to STUN servers that began meanwhile
_log = logging.getLogger(__name__)
Result = TypeVar("Result")


class WhipOutput:
    """Publishes what it is sent, from the first frame until nobody is live, and again.

    A media server that refuses or goes away is tried again (`Attempts`), less and less often; meanwhile
    frames are dropped. Everything runs in a thread of its own.

    url: of the WHIP endpoint. token: for it, or None. tell: called with one line at each change, in that thread.
    lag_s: by how much what the sound moves is later than what the camera moves, seconds.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        tell: Callable[[str], None],
        *,
        ice_servers: Sequence[RTCIceServer] = (),
        codec: Codec = "auto",
        max_bitrate: int = 3_000_000,
        lag_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._url = url
        self._token = token
        self._attempts = Attempts(server_of(url), tell)
        self._ice_servers = list(ice_servers)
        self._codec: Codec = codec
        self._max_bitrate = max_bitrate
        self._lag_s = lag_s
        self._fps = 30.0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._inbox: Mailbox[AvatarFrame] = Mailbox()  # of the connection, or of the wait for one
        self._line = DelayLine()
        self._left_out = 0  # by earlier mailboxes
        self._sent_at = 0.0  # seconds on time.monotonic, of the last frame

    @property
    def is_open(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def left_out(self) -> int:
        """Frames that were not sent, since a newer one was there before their turn, or nobody took them, so far."""
        return self._left_out + self._inbox.drops

    def problem(self) -> str | None:
        """None: what a media server says is known only once somebody is live."""
        return None

    def open(self, width: int, height: int, fps: float) -> None:
        """Publish from the next frame on. The size is that of each frame."""
        self.close()
        self._fps = fps
        self._left_out, self._inbox = self.left_out, Mailbox()
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(started)), name="publish", daemon=True)
        self._thread.start()
        started.wait()

    def send(self, frame: AvatarFrame) -> None:
        self._sent_at = time.monotonic()
        self._inbox.put(frame)

    def hear(self, samples: Samples) -> None:
        """Send this sound, too, delayed as the frames are. Any thread may call."""
        self._line.push(samples, time.monotonic())

    def close(self) -> None:
        """End the stream and tell the media server. Idempotent; usually takes no longer than END_TIMEOUT_S."""
        thread, self._thread = self._thread, None
        if thread is not None and self._loop is not None and self._closing is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._closing.set)
            thread.join()

    async def _run(self, started: threading.Event) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        started.set()
        self._attempts.begin_anew()
        while not self._closing.is_set():
            await self._first_of(self._inbox.receive(), None)
            if self._closing.is_set():
                break
            began = time.monotonic()
            try:
                await self._publish()
                self._attempts.begin_anew()
            except Exception as error:  # of aiortc, which checks little of an answer; live sessions go on
                lasted_s = time.monotonic() - began
                await self._first_of(None, self._attempts.fail(error, "its answer cannot be used", lasted_s))
        self._inbox.close()

    async def _publish(self) -> None:
        """Publish until nobody is live, or `close`. Raises MediaServerError, and whatever aiortc raises."""
        self._inbox, self._line = Mailbox(), DelayLine()
        connection = RTCPeerConnection(RTCConfiguration(iceServers=self._ice_servers))
        track = AvatarTrack(self._inbox, KEY)
        session: MediaSession | None = None
        ended = asyncio.Event()
        connected = asyncio.Event()

        def on_state() -> None:
            if connection.connectionState == "connected":
                connected.set()
            elif connection.connectionState in ("failed", "closed"):
                ended.set()
                connected.set()

        connection.on("connectionstatechange", on_state)
        try:
            transceiver = connection.addTransceiver(track, "sendonly")
            transceiver.setCodecPreferences(codec_preferences(self._codec))
            connection.addTransceiver(DelayedAudioTrack(self._line, lambda: self._delay_s(track)), "sendonly")
            await self._gather(connection)
            offer = connection.localDescription.sdp
            session = await self._first_of(_in_thread(lambda: post_offer(self._url, offer, self._token)), None)
            if session is None:  # it closes
                return
            self._install_encoder(transceiver, session.answer)
            await connection.setRemoteDescription(RTCSessionDescription(session.answer, "answer"))
            if not await self._first_of(connected.wait(), CONNECT_TIMEOUT_S) and not self._is_closing:
                raise MediaServerError("no media connection came about")
            if not ended.is_set() and not self._is_closing:
                self._attempts.say_live()
            while not ended.is_set() and not self._is_closing:
                await self._first_of(ended.wait(), NOBODY_LIVE_S)
                if time.monotonic() - self._sent_at > NOBODY_LIVE_S:
                    self._attempts.say_nobody_live()
                    return
            if ended.is_set():
                raise MediaServerError("the connection was lost")
        finally:
            self._left_out += self._inbox.drops
            self._inbox = Mailbox()
            connection.remove_all_listeners()
            track.stop()
            await asyncio.gather(_close(connection), self._tell_end(session))

    async def _gather(self, connection: RTCPeerConnection) -> None:
        """Make the offer, and find the candidates. If `close` is called meanwhile, queries to STUN servers are ended: a
        cancelled call of aiortc would leave its sockets.
        """
        gathering = asyncio.ensure_future(connection.setLocalDescription(await connection.createOffer()))
        while not gathering.done():
            await self._first_of(asyncio.wait([gathering]), None)
            if self._is_closing:
                for transceiver in connection.getTransceivers():
                    end_stun_queries(transceiver.sender.transport.transport)
                await asyncio.wait([gathering], timeout=QUERY_POLL_S)
        gathering.result()

    async def _tell_end(self, session: MediaSession | None) -> None:
        if session is not None:
            with contextlib.suppress(MediaServerError):
                await _in_thread(lambda: end_session(session, self._token, END_TIMEOUT_S))

    @property
    def _is_closing(self) -> bool:
        return self._closing is not None and self._closing.is_set()

    def _install_encoder(self, transceiver: RTCRtpTransceiver, answer: str) -> None:
        """Replace aiortc's video encoder by that of pages. Raises MediaServerError."""
        media = [media for media in sdp.SessionDescription.parse(answer).media if media.kind == "video"]
        names = [codec.name for each in media for codec in each.rtp.codecs if codec.name in ("VP8", "H264")]
        if not names:
            raise MediaServerError("it takes neither VP8 nor H.264")
        install_encoder(transceiver.sender, make_encoder(names[0], self._max_bitrate, self._fps, lambda _: None))

    def _delay_s(self, track: AvatarTrack) -> float:
        """How much later the frame that is sent now is than the camera's picture, and what the sound moves."""
        frame = track.last_frame
        return 0.0 if frame is None else time.monotonic() - frame.captured + self._lag_s()

    async def _first_of(self, work: Any, timeout_s: float | None) -> Any:
        """The result of `work`, a coroutine; None after `timeout_s`, when `close` was called, and when a mailbox is
        closed.
        """
        assert self._closing is not None
        closing = asyncio.ensure_future(self._closing.wait())
        task = None if work is None else asyncio.ensure_future(work)
        waiting = [closing] if task is None else [closing, task]
        try:
            await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if task is None or not task.done():
                return None
            with contextlib.suppress(MailboxClosed):
                return task.result()
            return None
        finally:
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


async def _close(connection: RTCPeerConnection) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await connection.close()
    except Exception:  # aiortc stops at the first part that it cannot stop
        _log.info("a connection to a media server did not close by itself", exc_info=True)


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Do `work` in a thread that nobody waits for where this is cancelled: a request may take long."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Any, error: Exception | None) -> None:
        if not future.done():
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as caught:
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="publish-http", daemon=True).start()
    return await future
