"""The media connection of a session: one peer at a time, which a new offer replaces."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from streamer.engine.engine import Engine
from streamer.engine.engine_session import EngineSession
from streamer.errors import KagamiError
from streamer.frames import AvatarFrame
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.meter import Meter
from streamer.server import messages, server_messages
from streamer.server.ice_servers import ice_servers
from streamer.server.media_deadlines import media_problem
from streamer.settings import Settings
from streamer.webrtc.offer import Role
from streamer.webrtc.peer import Peer, SentVideo


class SessionConnection:
    """Carries the media between a page or encoder and the engine, from `open` until `close`. Used on the event loop.

    peer: None while there is no connection. viewer_meter: of a connection without an engine session.
    send: sends a message to the other side. on_connected: called when media can flow. on_lost: called with the peer
    when its connection has failed; it is to be closed.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        role: Role,
        send: Callable[[server_messages.ServerMessage], Awaitable[None]],
        on_connected: Callable[[], None],
        on_lost: Callable[[Peer], None],
    ) -> None:
        self.peer: Peer | None = None
        self.viewer_meter = Meter()
        self._engine = engine
        self._settings = settings
        self._role = role
        self._send = send
        self._on_connected = on_connected
        self._on_lost = on_lost
        self._frames: Mailbox[AvatarFrame] | None = None
        self._media_due_since: float | None = None  # the offer since which no camera frame came, on time.monotonic
        self._lost_at: float | None = None  # seconds on time.monotonic, while there is no connection

    @property
    def is_in_use(self) -> bool:
        """Whether there is a peer, or an offer is being answered."""
        return self._frames is not None

    async def open(self, offer: str, session: EngineSession | None) -> str:
        """Answer an SDP offer by a new peer; the one before is closed by then.

        session: takes the media and gives the avatar; None: the avatar of the newest session is sent to a viewer.
        Raises NegotiationError, EngineClosedError.
        """
        self._frames = self._engine.watch() if session is None else session.new_output()
        peer = Peer(
            self._role,
            self._frames,
            None if session is None else session.camera,
            None if session is None else session.sound,
            self.viewer_meter if session is None else session.meter,
            ice_servers=ice_servers(self._settings),
            video=SentVideo.of(self._settings, self._engine.fps),
            on_candidate=self._send_candidate,
            on_state=self._on_state,
        )
        try:
            answer = await peer.answer(offer)
        except BaseException:  # also a cancellation: the connection may have sockets by now
            await peer.close()
            await self.close()
            raise
        self.peer, self._lost_at = peer, None
        if self._media_due_since is None:
            self._media_due_since = time.monotonic()
        return answer

    async def add_candidate(self, candidate: messages.Candidate) -> None:
        """Add an ICE candidate of the other side. Raises ProtocolError."""
        if self.peer is not None:
            await self.peer.add_candidate(candidate.candidate, candidate.sdp_mid, candidate.sdp_m_line_index)

    async def close(self) -> None:
        """Close the peer, if there is one; `open` may follow."""
        peer, self.peer = self.peer, None
        frames, self._frames = self._frames, None
        if frames is not None:
            self._engine.unwatch(frames)
        if peer is not None:
            self._lost_at = time.monotonic()
            if peer.has_received_media:
                self._media_due_since = None
            await peer.close()

    def expect_offer(self) -> None:
        """From now on the page has some time for its next offer, see `problem`."""
        self._lost_at = time.monotonic()

    def problem(self) -> KagamiError | None:
        """Why the session cannot go on, see `media_problem`."""
        return media_problem(self.peer, self._lost_at, self._media_due_since, time.monotonic())

    async def _send_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        await self._send(messages.Candidate(line, mid, index))

    def _on_state(self, state: str) -> None:
        """state: as `Peer` tells it."""
        if state == "connected":
            self._on_connected()
        elif state in ("failed", "closed") and self.peer is not None:
            self._on_lost(self.peer)
