"""What WHIP and WHEP make by a POST: the publication of an encoder, and the playback of a player."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from streamer.engine.engine import Engine
from streamer.engine.engine_session import EngineSession
from streamer.errors import ConnectionLostError, NegotiationError, ProtocolError
from streamer.frames import AvatarFrame
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.meter import Meter
from streamer.server import messages, page_messages, server_messages
from streamer.server.conversation import Conversations
from streamer.server.ice_servers import ice_servers
from streamer.server.rate_limits import RateLimiters
from streamer.server.session import Session
from streamer.server.whip_sdp import Fragment, user_fragments, whole_answer
from streamer.settings import Settings
from streamer.webrtc.peer import Peer

GATHER_TIMEOUT_S = 10.0  # for the server's own candidates; aioice gives a silent STUN server five seconds
CONNECT_TIMEOUT_S = 30.0  # from an answer to a player's media connection
_NO_CANDIDATES = "The server found no address under which it can be reached: check its network and try again."
_log = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None]], object]


def encoder_secret(name: str) -> str:
    """Under which the session of a camera that was published under a name is kept: no secret of a page has a space."""
    return f"whip {name}"


def sound_lag_s(engine: Engine, session: EngineSession | None = None) -> float:
    """Seconds by which what the sound of a session, or of the newest, moves is later than what its camera moves."""
    sessions = engine.sessions if session is None else (session,)
    return sessions[-1].sound.lag_s if sessions else 0.0


class Resource:
    """One connection that was made over HTTP: its offer is answered once, candidates may follow, then it ends.

    id: its secret name. ended: set once it has. etag: of its ICE session, with quotes. on_end: called with it once it
    has ended. spawn: runs a coroutine in the background.
    """

    def __init__(self, on_end: Callable[[Resource], None], spawn: Spawn) -> None:
        self.id = secrets.token_urlsafe(16)
        self.etag = f'"{secrets.token_hex(8)}"'
        self._on_end = on_end
        self._candidates: list[str] = []
        self._gathered = asyncio.Event()
        self._user_fragments: frozenset[str] = frozenset()
        self._spawn = spawn
        self.ended = asyncio.Event()

    async def answer(self, offer: str) -> str:
        """The answer to an SDP offer, with all candidates of the server. Raises KagamiError, after which it has
        ended.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """End the connection and what it feeds. May be called again."""
        raise NotImplementedError

    async def let_go(self) -> None:
        """End the connection as if it had been lost."""
        await self.close()

    def restarts(self, fragment: Fragment) -> bool:
        """Whether a fragment begins another ICE session."""
        return not fragment.user_fragments <= self._user_fragments

    async def add_candidates(self, fragment: Fragment) -> None:
        """Add the client's candidates; such as the server cannot use are left out (RFC 9725 §4.3.2). Raises
        ProtocolError where none can be used.
        """
        problems = []
        for line, mid, index in fragment.candidates:
            try:
                await self._add_candidate(line, mid, index)
            except ProtocolError as error:
                problems.append(error)
        if problems and len(problems) == len(fragment.candidates):
            raise problems[0]
        if fragment.is_last:
            await self._add_candidate(None, None, None)

    async def _add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        raise NotImplementedError

    async def _on_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        if line is None:
            self._gathered.set()
        else:
            self._candidates.append(line)

    async def _complete(self, answer: str) -> str:
        """The answer, once the candidates of the server are known, which cannot follow it. Raises NegotiationError."""
        try:
            await asyncio.wait_for(self._gathered.wait(), GATHER_TIMEOUT_S)
        except TimeoutError:
            raise NegotiationError(_NO_CANDIDATES) from None
        if not self._candidates:
            raise NegotiationError(_NO_CANDIDATES)
        return whole_answer(answer, self._candidates)

    def _end(self) -> None:
        if not self.ended.is_set():
            self.ended.set()
            self._on_end(self)


class Publication(Resource):
    """An encoder's camera (WHIP), which has a session as a page has.

    name: under which its avatar is played. predecessor: a publication of the same name, whose session this one goes on
    with. comes_back: a session whose connection is lost is kept for a while, for an encoder that publishes again under
    the name.
    """

    def __init__(
        self,
        conversations: Conversations,
        name: str,
        address: str,
        on_end: Callable[[Resource], None],
        spawn: Spawn,
        comes_back: bool,
        predecessor: Publication | None = None,
    ) -> None:
        super().__init__(on_end, spawn)
        self.name = name
        self.session: Session | None = None
        self._conversations = conversations
        self._address = address
        self._comes_back = comes_back
        self._predecessor = predecessor
        self._lock = asyncio.Lock()  # held while the offer is answered
        self._answer = ""

    @property
    def _secret(self) -> str:
        """Under which its session is kept."""
        return encoder_secret(self.name)

    async def answer(self, offer: str) -> str:
        async with self._lock:
            self._user_fragments = user_fragments(offer)
            session = None if self._predecessor is None else await self._predecessor.hand_over()
            self._predecessor = None
            session = session or (self._conversations.take(self._secret) if self._comes_back else None)
            is_resumed = session is not None
            if session is None:
                session = self._conversations.make_session(self._receive, self._fail, self._address, "publish")
            else:
                session.attach(self._receive, self._fail, self._address)
            self.session = session
            self._conversations.sessions[session.id] = session
            self._conversations.encoders[self._secret] = session
            self._conversations.events.publish(session, None)
            try:
                await self._conversations.handle(session, page_messages.Offer(offer))
                return await self._complete(self._answer)
            except BaseException:
                await (self._keep() if is_resumed else self.close())
                raise

    async def hand_over(self) -> Session | None:
        """End, and give the session to who calls; None where it has ended already."""
        async with self._lock:
            return self._release()

    async def close(self) -> None:
        session = self._release()
        if session is not None:
            await session.close()

    async def let_go(self) -> None:
        await (self._keep() if self._comes_back else self.close())

    async def _keep(self) -> None:
        session = self._release()
        if session is not None:
            self._conversations.keep(self._secret, session)
            await session.disconnect()

    def _release(self) -> Session | None:
        """End, without the session, which is nobody's from now on."""
        session, self.session = self.session, None
        if session is not None:
            self._conversations.sessions.pop(session.id, None)
            if self._conversations.encoders.get(self._secret) is session:
                del self._conversations.encoders[self._secret]
            self._conversations.events.publish(session, None)
        self._end()
        return session

    async def _add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        if self.session is not None:
            await self.session.handle(messages.Candidate(line, mid, index))

    async def _receive(self, message: server_messages.ServerMessage) -> None:
        """What the session sends to its page."""
        if isinstance(message, server_messages.Answer):
            self._answer = message.sdp
        elif isinstance(message, messages.Candidate):
            await self._on_candidate(message.candidate, message.sdp_mid, message.sdp_m_line_index)
        elif isinstance(message, server_messages.Error) and message.code == ConnectionLostError.code:
            self._gathered.set()  # it may have failed before
            self._spawn(self.let_go())

    def _fail(self) -> None:
        """The session cannot go on."""
        failure = None if self.session is None else self.session.failure
        _log.warning("the camera %s, which came by WHIP, has ended: %s", self.name, failure)
        self._spawn(self.close())


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
                codec=self._settings.codec,
                max_bitrate=round(self._settings.bitrate * 1e6),
                fps=self._engine.fps,
                on_candidate=self._on_candidate,
                on_state=self._on_state,
                lag_s=lambda: sound_lag_s(self._engine, self._watched),
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
