"""The control API on a cluster: each call goes to the replica of its session, and lists have the sessions of all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from streamer.cluster.errors import ReplicaGoneError
from streamer.cluster.fleet_view import Way
from streamer.cluster.http_relay import HttpRelay
from streamer.errors import NoPageError, UnknownHandleError
from streamer.server.control_api import Values
from streamer.server.control_api_access import ControlAccess
from streamer.server.control_api_routes import ROOT, SOCKET
from streamer.server.control_api_socket import Api, ControlSockets
from streamer.server.rate_limits import RateLimiters
from streamer.settings import Settings

METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]


class PlacedSession(NamedTuple):
    """One session. since: when its page or encoder came, in seconds of its machine's clock. state: see `ControlApi`."""

    replica: str
    since: float
    state: dict[str, Any]

    @property
    def handle(self) -> str:
        """Its public name."""
        return str(self.state["session"])


class Replicas(Protocol):
    """See `ReplicaLinks`."""

    async def sessions(self) -> list[PlacedSession]:
        """The sessions of all replicas, the newest first."""
        ...

    async def recent_sessions(self) -> list[PlacedSession]:
        """`sessions`, as they were a moment ago: replicas are not asked for each call."""
        ...

    async def replica_of(self, session: str) -> str | None:
        """Where the session of a handle is; None where the directory does not know."""
        ...


class ControlRelay:
    """`/api/v1` of the ingress. make_api: makes what one WebSocket calls, such as `ClusterCalls`."""

    def __init__(
        self,
        replicas: Replicas,
        http: HttpRelay,
        settings: Settings,
        limiters: RateLimiters,
        make_api: Callable[[WebSocket], Api],
    ) -> None:
        self._replicas = replicas
        self._http = http
        self._access = ControlAccess(settings, limiters)
        self._sockets = ControlSockets(make_api, self._access, limiters)
        self.routes: list[BaseRoute] = [
            WebSocketRoute(ROOT + SOCKET, self._sockets.endpoint),
            Route(f"{ROOT}/sessions", self._list),
            Route(ROOT, self._forward),
            Route(f"{ROOT}/{{rest:path}}", self._forward, methods=METHODS),
        ]

    async def close(self) -> None:
        """Close every WebSocket of a program."""
        await self._sockets.close()

    async def _list(self, request: Request) -> Response:
        self._check(request)
        return JSONResponse(listed(await self._replicas.sessions()), headers={"Cache-Control": "no-store"})

    async def _forward(self, request: Request) -> Response:
        """Have the replica of the session answer; any, where there is none and the request may name none."""
        self._check(request)
        body = await self._http.read(request)
        if request.url.path == ROOT:
            return await self._http.answer(request, body)
        handle = request.query_params.get("session")
        with contextlib.suppress(NoPageError, ReplicaGoneError):
            replica, known = await place_of(self._replicas, handle)
            if replica is not None:
                response = await self._http.answer(request, body, Way.to(replica), session=known)
                if response.status_code != 404:
                    return response
        found = session_of(await self._replicas.sessions(), handle)
        return await self._http.answer(request, body, Way.to(found.replica), session=found.handle)

    def _check(self, request: Request) -> None:
        """Raises MissingTokenError, ForbiddenError, TooFastError."""
        self._access.count(self._access.check(request))


async def place_of(replicas: Replicas, handle: str | None) -> tuple[str | None, str]:
    """The replica of a session, None where the directory does not know it, and the handle; for None of the newest. It
    may have moved or ended since. Raises NoPageError.
    """
    if handle is not None:
        return await replicas.replica_of(handle), handle
    found = session_of(await replicas.recent_sessions(), None)
    return found.replica, found.handle


def newest(sessions: Sequence[PlacedSession]) -> PlacedSession | None:
    """The newest session that is live, else the newest one; None without any. sessions: the newest first."""
    return next((each for each in sessions if each.state["live"]), sessions[0] if sessions else None)


def session_of(sessions: Sequence[PlacedSession], handle: str | None) -> PlacedSession:
    """The session of a handle; for None the newest. Raises UnknownHandleError, NoPageError."""
    found = newest(sessions) if handle is None else next((each for each in sessions if each.handle == handle), None)
    if found is None:
        raise NoPageError if handle is None else UnknownHandleError
    return found


def listed(sessions: Collection[PlacedSession]) -> Values:
    """The answer of the call `sessions`. A session that is on its way from one replica to another is listed once."""
    kept = list({each.handle: each for each in reversed(list(sessions))}.values())[::-1]
    return {"sessions": [{**each.state, "newest": each is newest(kept)} for each in kept]}
