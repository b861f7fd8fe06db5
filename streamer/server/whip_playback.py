"""The playback of the avatar over WHEP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from streamer.engine.engine import Engine
from streamer.engine.engine_session import EngineSession
from streamer.frames import AvatarFrame
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.meter import Meter
from streamer.server.ice_servers import ice_servers
from streamer.server.rate_limits import RateLimiters
from streamer.server.whip_resource import Resource, Spawn
from streamer.server.whip_sdp import user_fragments
from streamer.settings import Settings
from streamer.webrtc.peer import Peer, SentVideo

CONNECT_TIMEOUT_S = 30.0  # from an answer to a player's media connection


class Playback(Resource):
    """A player (WHEP), which gets the avatar and the sound of a session, or of whichever is the newest.

    watched: that session; None: the newest.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        limiters: RateLimiters,
        address: str,
        on_end: Callable[[Resource], None],
        spawn: Spawn,
        watched: EngineSession | None,
    ) -> None:
        super().__init__(on_end, spawn)
        self._engine = engine
        self._settings = settings
        self._limiters = limiters
        self._address = address
        self._watched = watched
        self._peer: Peer | None = None
        self._frames: Mailbox[AvatarFrame] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    async def answer(self, offer: str) -> str:
        self._user_fragments = user_fragments(offer)
        try:
            await self._limiters.offers.wait(self._address)
            self._frames = frames = self._engine.watch(self._watched)
            self._peer = peer = Peer(
                "play",
                frames,
                None,
                None,
                Meter(),
                ice_servers=ice_servers(self._settings),
                video=SentVideo.of(self._settings, self._engine.fps),
                on_candidate=self._on_candidate,
                on_state=self._on_state,
                lag_s=lambda: self._engine.sound_lag_s(self._watched),
            )
            self._engine.listen(peer.hear, self._watched)
            text = await self._complete(await peer.answer(offer))
        except BaseException:  # also a cancellation: the connection may have sockets by now
            await self.close()
            raise
        self._deadline = asyncio.get_running_loop().call_later(CONNECT_TIMEOUT_S, self._start_closing)
        return text

    async def close(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        peer, self._peer = self._peer, None
        self._end()
        if peer is not None:
            self._engine.unlisten(peer.hear)
            await peer.close()
        if self._frames is not None:
            self._engine.unwatch(self._frames)

    async def _add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        if self._peer is not None:
            await self._peer.add_candidate(line, mid, index)

    def _on_state(self, state: str) -> None:
        """state: as `Peer` tells it."""
        if state == "connected" and self._deadline is not None:
            self._deadline.cancel()
        elif state in ("failed", "closed", "ended"):
            self._gathered.set()
            self._start_closing()

    def _start_closing(self) -> None:
        self._spawn(self.close())
