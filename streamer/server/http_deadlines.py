"""uvicorn's HTTP protocol with time limits, which uvicorn itself has only between two requests of a connection.

Without them a client that sends its headers or its body byte by byte holds its connection for ever, and a few hundred
of those make uvicorn answer everybody with status 503.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEADER_TIMEOUT_S = 10.0  # from the connection, or from the response before, to the end of the request's headers
REQUEST_TIMEOUT_S = 60.0  # from the end of the headers to the end of the response; 20 MB at 3 Mbit/s
CHECK_PERIOD_S = 1.0
MAX_CONNECTIONS = 384  # beyond it the connection that is unfinished for the longest time is closed

if TYPE_CHECKING:
    _Protocol = Any
else:
    _Protocol = AutoHTTPProtocol


class DeadlineProtocol(_Protocol):
    """An HTTP connection that is closed if its request, or the response to it, takes too long."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._state: object = None
        self._state_since = self.loop.time()
        self._timer = self.loop.call_later(CHECK_PERIOD_S, self._check)
        if len(self.connections) > MAX_CONNECTIONS:
            self._close_longest_unfinished()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Called by uvicorn when the server ends: a request that has not arrived whole is not awaited."""
        if self._is_answering and self.cycle.more_body:
            self.transport.abort()
        else:
            super().shutdown()

    @property
    def is_unfinished(self) -> bool:
        """True while no whole request has arrived that still has to be answered."""
        return not self._is_answering or bool(self.cycle.more_body)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _check(self) -> None:
        if self.transport.is_closing() or self not in self.connections:
            return  # closed, or a WebSocket by now, which is kept alive by pings
        now = self.loop.time()
        if (state := (self.cycle, self._is_answering)) != self._state:
            self._state_since = now if self._state is not None or self._is_answering else self._state_since
            self._state = state
        if now - self._state_since > (REQUEST_TIMEOUT_S if self._is_answering else HEADER_TIMEOUT_S):
            self.transport.abort()
            return
        self._timer = self.loop.call_later(CHECK_PERIOD_S, self._check)

    def _close_longest_unfinished(self) -> None:
        others = (each for each in self.connections if isinstance(each, DeadlineProtocol) and each is not self)
        unfinished = [each for each in others if each.is_unfinished and not each.transport.is_closing()]
        if unfinished:
            min(unfinished, key=lambda each: each._state_since).transport.abort()
