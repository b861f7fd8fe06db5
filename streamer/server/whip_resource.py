"""A connection that WHIP or WHEP makes by a POST: its offer, its candidates, its end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from streamer.errors import NegotiationError, ProtocolError
from streamer.server.whip_sdp import Fragment, whole_answer

GATHER_TIMEOUT_S = 10.0  # for the server's own candidates; aioice gives a silent STUN server five seconds
_NO_CANDIDATES = "The server found no address under which it can be reached: check its network and try again."
Spawn = Callable[[Coroutine[Any, Any, None]], object]


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
