"""The way of one request through the ingress, to the replica that answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from streamer.cluster.errors import NoReplicaError
from streamer.cluster.fleet_view import Way
from streamer.errors import TooFastError, TooLargeError
from streamer.server.access import SECURITY_HEADERS
from streamer.server.request_body import read_body
from streamer.settings import Settings

MAX_PARTS_MB = 32.0  # of a clip's part, which is read whole before it is passed on
MAX_BODIES = 16  # request bodies that are read at once
# The replica's own, which the ingress adds again to every answer.
_OWN_HEADERS = frozenset((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items())
_SCOPE = ("type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "headers", "client",
          "server", "subprotocols")  # fmt: skip

Messages = AsyncIterator[dict[str, Any]]


class Answering(Protocol):
    """What answers requests: `ReplicaLinks`."""

    def http(self, scope: dict[str, Any], body: bytes, way: str) -> Messages:
        """The answer of the replica that is found by this way (`Way`), as ASGI messages, of which the first has its
        name as `replica`. Raises ReplicaGoneError.
        """
        ...


class WholeAnswer(NamedTuple):
    """A short answer. replica: whose; "" where its code is older than that. messages: keeps that replica while it is
    read, and ends with what the request began there.
    """

    response: Response
    replica: str
    messages: Messages


class HttpRelay:
    """Passes requests on. Bodies are read whole first, within the server's limits."""

    def __init__(self, replicas: Answering, settings: Settings) -> None:
        self._replicas = replicas
        self._settings = settings
        self._bodies = 0

    async def answer(self, request: Request, body: bytes, way: str = Way.ANY, **query: str) -> Response:
        """The answer of the replica that is found by this way. body: see `read`. query: further parameters of the
        address.

        Raises NoReplicaError, ReplicaGoneError.
        """
        start, messages = await self._begin(request, body, way, query)
        response = StreamingResponse(_all_bodies(messages), start["status"])
        response.raw_headers = _headers(start)
        return response

    async def whole(self, request: Request, body: bytes, way: str) -> WholeAnswer:
        """As `answer`, of a short one."""
        start, messages = await self._begin(request, body, way, {})
        response = Response(b"".join([part async for part in _bodies(messages)]), start["status"])
        response.raw_headers = _headers(start)
        return WholeAnswer(response, start.get("replica", ""), messages)

    async def _begin(
        self, request: Request, body: bytes, way: str, query: dict[str, str]
    ) -> tuple[dict[str, Any], Messages]:
        scope = plain_scope(request.scope)
        if query:
            kept = [(name, value) for name, value in request.query_params.multi_items() if name not in query]
            scope["query_string"] = urlencode([*kept, *query.items()]).encode()
        messages = self._replicas.http(scope, body, way)
        try:
            return await anext(messages), messages
        except StopAsyncIteration:
            raise NoReplicaError from None

    async def read(self, request: Request) -> bytes:
        """All of a request's body, before its way is looked for: it may take long to come, and its session may move
        meanwhile. Raises TooLargeError, TooFastError, ClientDisconnect.
        """
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return b""
        if self._bodies >= MAX_BODIES:
            raise TooFastError("Too many uploads come at once: wait a moment and try again.")
        limit_mb = MAX_PARTS_MB if request.url.path == "/api/film" else self._settings.max_upload_mb
        self._bodies += 1
        try:
            return await read_body(request, round(limit_mb * 1e6), TooLargeError(limit_mb))
        finally:
            self._bodies -= 1


def plain_scope(scope: Any, **changed: Any) -> dict[str, Any]:
    """The part of an ASGI scope that another process understands, with some of it changed."""
    return {name: scope[name] for name in _SCOPE if name in scope} | {"root_path": ""} | changed


def _headers(start: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in start.get("headers", []) if (name.lower(), value) not in _OWN_HEADERS]


async def _all_bodies(messages: Messages) -> AsyncIterator[bytes]:
    async for message in messages:
        if body := message.get("body", b""):
            yield body


async def _bodies(messages: Messages) -> AsyncIterator[bytes]:
    """The parts of a body; the messages may go on after its end."""
    async for message in messages:
        if body := message.get("body", b""):
            yield body
        if not message.get("more_body", False):
            return
