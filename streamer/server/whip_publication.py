"""The publication of an encoder's camera over WHIP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from streamer.errors import ConnectionLostError
from streamer.server import messages, page_messages, server_messages
from streamer.server.conversation import Conversations
from streamer.server.session import Session
from streamer.server.whip_resource import Resource, Spawn
from streamer.server.whip_sdp import user_fragments

_log = logging.getLogger(__name__)


def encoder_secret(name: str) -> str:
    """Under which the session of a camera that was published under a name is kept: no secret of a page has a space."""
    return f"whip {name}"


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
