"""One person's session: the conversation of docs/protocol.md, one peer connection at a time, one seat in the engine.

Everything here runs on the event loop and only passes things on; pictures are decoded, tracked, drawn and encoded
elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from aiortc import RTCIceServer

from streamer.engine.engine import Engine
from streamer.engine.engine_session import EngineSession
from streamer.errors import BusyError, ConnectionLostError, KagamiError, MediaTimeoutError
from streamer.frames import AvatarFrame
from streamer.generation.pipeline import Avatar, Controls
from streamer.rigging.picture import Picture
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.meter import QUEUE_AGE, TOTAL, Meter, percentiles
from streamer.server import signaling
from streamer.settings import Settings
from streamer.webrtc.peer import Peer

STATS_PERIOD = 1.0
STATE_PERIOD = 0.2
MEDIA_TIMEOUT = 30.0  # seconds from an offer to the first camera picture
_log = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]

_PHASE_MESSAGES: dict[str, str] = {
    "lost": "No face is in view; come back in front of the camera.",
    "stalled": "No picture comes from the camera; check that it is plugged in and that no other program holds it.",
}


class Session:
    """One page's stay. send: sends one message to it. avatar, name: the picture it starts with and what people call it.

    watch: a viewer, who gets the newest session's frames and takes no seat. on_end: called once if the session cannot
    go on.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        avatar: Avatar,
        name: str,
        send: Send,
        on_end: Callable[[], object],
        watch: bool = False,
    ) -> None:
        self.id = secrets.token_urlsafe(16)
        self.failure: KagamiError | None = None
        self._engine = engine
        self._settings = settings
        self._avatar = avatar
        self._name = name
        self._send = send
        self._on_end = on_end
        self._watch = watch
        self._controls = Controls(mirror=settings.mirror, background=settings.background, colour=settings.colour_rgb)
        self._paused = False
        self._meter = Meter()
        self._seat: EngineSession | None = None
        self._outbox: Mailbox[AvatarFrame] | None = None
        self._peer: Peer | None = None
        self._offered = 0.0
        self._told: dict[str, Any] | None = None
        self._reporter: asyncio.Task[None] | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._closed = False
        self._loop = asyncio.get_running_loop()

    async def begin(self) -> None:
        """Greet the page."""
        controls = {
            "head": self._controls.head,
            "face": self._controls.face,
            "body": self._controls.body,
            "light": self._controls.light,
            "teeth": self._controls.teeth,
            "mirror": self._controls.mirror,
            "background": self._controls.background,
            "colour": "#{:02x}{:02x}{:02x}".format(*self._controls.colour),
            "paused": self._paused,
        }
        picture = {"name": self._name, "notes": list(self._avatar.notes)}
        video = {"width": self._avatar.width, "height": self._avatar.height, "fps": self._settings.fps}
        await self._send(signaling.ready(self.id, page_ice_servers(self._settings), video, picture, controls))

    async def handle(self, message: signaling.Message) -> None:
        """Do what the page says. Raises KagamiError, after which the session goes on unless `failure` is set."""
        if isinstance(message, signaling.Offer):
            await self._connect(message)
        elif isinstance(message, signaling.Candidate):
            if self._peer is not None:
                await self._peer.add_candidate(message.candidate, message.sdp_mid, message.sdp_m_line_index)
        elif isinstance(message, signaling.Control):
            self._control(message)

    async def close(self) -> None:
        """Free the connection, the seat and the tasks; may be called again."""
        self._closed = True
        for task in (self._reporter, self._preparing):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await self._disconnect()
        if self._seat is not None:
            self._engine.leave(self._seat)
            await self._loop.run_in_executor(None, self._seat.join)

    def change_picture(self, picture: Picture, name: str) -> None:
        """Prepare an uploaded picture in the background, then swap to it between two frames. Raises BusyError."""
        if self._preparing is not None and not self._preparing.done():
            raise BusyError
        self._preparing = self._loop.create_task(self._prepare(picture, name))

    async def _prepare(self, picture: Picture, name: str) -> None:
        await self._send(signaling.picture_status("preparing", name))
        try:
            avatar = await asyncio.wrap_future(self._engine.prepare(picture))
        except KagamiError as error:
            await self._send(signaling.picture_status("failed", name, message=str(error)))
            return
        self._avatar, self._name = avatar, name
        if self._seat is not None:
            self._seat.avatar = avatar
        size = (avatar.width, avatar.height)
        await self._send(signaling.picture_status("ready", name, size, avatar.notes))

    async def _connect(self, offer: signaling.Offer) -> None:
        await self._disconnect()
        seat = self._take_seat()
        if seat is not None:
            self._outbox = seat.new_output()
        else:
            self._outbox = self._engine.watch()
        peer = Peer(
            self._outbox,
            None if seat is None else seat.camera,
            self._meter if seat is None else seat.meter,
            ice_servers=ice_servers(self._settings),
            codec=self._settings.codec,
            bitrate=round(self._settings.bitrate * 1e6),
            fps=self._engine.fps,
            on_candidate=self._send_candidate,
            on_state=self._on_state,
        )
        try:
            answer = await peer.answer(offer.sdp)
        except KagamiError:
            await peer.close()
            raise
        self._peer, self._offered = peer, time.monotonic()
        await self._send(signaling.answer(answer))
        if self._reporter is None:
            self._reporter = self._loop.create_task(self._report())

    def _take_seat(self) -> EngineSession | None:
        """The session's seat, taken now if it has none; None for a viewer. Raises ServerFullError, OverloadError."""
        if self._watch:
            return None
        if self._seat is None:
            self._seat = self._engine.admit(self._avatar, self._controls, self._on_broken)
            self._seat.paused = self._paused
        return self._seat

    async def _disconnect(self) -> None:
        peer, self._peer = self._peer, None
        if peer is not None:
            await peer.close()
        if self._outbox is not None:
            self._engine.unwatch(self._outbox)
            self._outbox = None

    def _control(self, change: signaling.Control) -> None:
        names = ("head", "face", "body", "light", "teeth", "mirror", "background", "colour")
        changed = {name: value for name in names if (value := getattr(change, name)) is not None}
        self._controls = replace(self._controls, **changed)
        self._paused = self._paused if change.paused is None else change.paused
        if self._seat is not None:
            self._seat.controls, self._seat.paused = self._controls, self._paused
            if change.calibrate:
                self._seat.calibrate()

    async def _send_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        await self._send(signaling.candidate(line, mid, index))

    def _on_state(self, state: str) -> None:
        if state in ("failed", "closed") and self._peer is not None and not self._closed:
            self._loop.create_task(self._lose(self._peer))

    async def _lose(self, peer: Peer) -> None:
        """The network dropped the media; the conversation goes on and the page may offer again."""
        if peer is self._peer:
            await self._disconnect()
            await self._send(signaling.error(ConnectionLostError()))

    def _on_broken(self, failure: KagamiError) -> None:
        """Called in the thread that broke."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._fail, failure)

    def _fail(self, failure: KagamiError) -> None:
        if self.failure is None and not self._closed:
            self.failure = failure
            self._on_end()

    async def _report(self) -> None:
        """Tell the page how it goes: its state when that changes, numbers once a second."""
        due = 0.0
        while not self._closed:
            await asyncio.sleep(STATE_PERIOD)
            now = time.monotonic()
            if self._seat is not None:
                self._check_media(now)
                state = self._state(self._seat)
                if state != self._told:
                    self._told = state
                    await self._send(state)
            if self._watch:
                await self._tell_size()
            if now >= due and self._peer is not None:
                due = now + STATS_PERIOD
                await self._send(await asyncio.to_thread(self._stats, self._peer))

    async def _tell_size(self) -> None:
        """A viewer knows by the size of the frames whether alpha comes below them, so it must know the picture's."""
        newest = self._engine.newest
        if newest is not None and newest is not self._avatar:
            self._avatar = newest
            await self._send(signaling.picture_status("ready", self._name, (newest.width, newest.height)))

    def _check_media(self, now: float) -> None:
        if self._peer is not None and not self._peer.heard and now - self._offered > MEDIA_TIMEOUT:
            self._fail(
                MediaTimeoutError(
                    f"No camera picture arrived within {MEDIA_TIMEOUT:.0f} seconds; "
                    "check camera and network and start again."
                )
            )

    def _state(self, seat: EngineSession) -> dict[str, Any]:
        return signaling.state(seat.phase, seat.progress, _PHASE_MESSAGES.get(seat.phase))

    def _stats(self, peer: Peer) -> dict[str, Any]:
        meter = self._meter if self._seat is None else self._seat.meter
        stages = meter.stages()
        return signaling.stats(
            fps={"in": meter.rate("in"), "out": meter.rate("out")},
            latency=stages.pop(TOTAL, percentiles(())),
            queue_age=stages.pop(QUEUE_AGE, percentiles(())),
            stages=stages,
            drops={} if self._seat is None else self._seat.drops,
            bitrate=peer.target_bitrate,
            sessions=self._engine.session_count,
            spread=self._engine.spread(),
            memory=self._engine.memory(),
        )


def ice_servers(settings: Settings) -> list[RTCIceServer]:
    """What aiortc uses: the STUN and TURN servers that were set, none of its own."""
    servers = [RTCIceServer(urls=url) for url in settings.stun]
    return servers + [
        RTCIceServer(urls=url, username=settings.turn_user, credential=settings.turn_password) for url in settings.turn
    ]


def page_ice_servers(settings: Settings) -> list[dict[str, str]]:
    """The same as the page's RTCPeerConnection wants it."""
    servers = []
    for server in ice_servers(settings):
        entry = {"urls": str(server.urls)}
        if server.username is not None and server.credential is not None:
            entry.update(username=server.username, credential=server.credential)
        servers.append(entry)
    return servers
