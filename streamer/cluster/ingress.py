"""The cluster's front: the page, the signalling of all sessions, uploads, figures. Media do not pass it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from streamer.cluster.control_calls import ClusterCalls
from streamer.cluster.control_relay import ControlRelay
from streamer.cluster.errors import NoReplicaError, ReplicaGoneError, SlowReplicaError
from streamer.cluster.fleet_view import VIEW, Way
from streamer.cluster.http_relay import HttpRelay, plain_scope
from streamer.cluster.labelled_metrics import labelled_metrics
from streamer.cluster.page_relay import PageRelay
from streamer.cluster.replica_links import ReplicaLinks
from streamer.errors import KagamiError, UnknownSessionError
from streamer.runtime.background_tasks import run_bounded
from streamer.server import server_messages
from streamer.server.access import (
    AccessMiddleware,
    check_figures,
    check_token,
    error_response,
    may_see_figures,
)
from streamer.server.app import WEB_CLIENT
from streamer.server.error_answers import answer_error
from streamer.server.message_channel import MessageSender
from streamer.server.rate_limits import Limits, RateLimiters, RequestLimitMiddleware
from streamer.server.websocket_start import may_begin
from streamer.settings import Settings

CHECK_PERIOD_S = 0.5  # between two looks for sessions that should move
MOVES_AT_ONCE = 4  # of one ingress
FILM_S = 40.0  # how long a session stays beyond the deadline of a drain for its film; below `application.STOP_S`
METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"]
_log = logging.getLogger(__name__)


class Ingress:
    """One replica of the front; Serve's proxies pass every request to one of them.

    links: reaches the engines. web_client: folder of the page's files. drain_s: how long sessions may stay on a replica
    that is taken away.
    """

    def __init__(
        self,
        links: ReplicaLinks,
        settings: Settings,
        web_client: Path = WEB_CLIENT,
        limits: Limits | None = None,
    ) -> None:
        self._links = links
        self.drain_s = 0.0
        self._settings = settings
        self._limiters = RateLimiters(limits or Limits())
        self._relays: set[PageRelay] = set()
        self._http = HttpRelay(links, settings)
        self._control = ControlRelay(
            links, self._http, settings, self._limiters, lambda socket: ClusterCalls(links, socket)
        )
        self._whip: Any = None
        if settings.whip:
            from streamer.cluster.whip_relay import WhipRelay  # noqa: PLC0415 - imported where it is wanted alone

            self._whip = WhipRelay(links, self._http, settings)
        app = Starlette(
            routes=[
                Route("/api/health", self._health),
                Route("/api/ready", self._ready),
                Route("/metrics", self._metrics),
                *self._control.routes,
                *([] if self._whip is None else self._whip.routes),
                Route("/api/{rest:path}", self._forward, methods=METHODS),
                WebSocketRoute("/ws", self._relay),
                Mount("/", StaticFiles(directory=web_client, html=True, check_dir=False)),
            ],
            exception_handlers={KagamiError: _answer_error, ClientDisconnect: _answer_nobody},
        )
        app.add_middleware(RequestLimitMiddleware, limiter=self._limiters.requests)
        app.add_middleware(AccessMiddleware, settings=settings)
        self.app: ASGIApp = app

    async def _health(self, request: Request) -> Response:
        """That the ingress answers; how full the cluster is, for those who may know."""
        if not may_see_figures(request, self._settings.token):
            return JSONResponse({"status": "ok"})
        loads = await self._links.broadcast("load")
        return JSONResponse(
            {
                "status": "ok",
                "sessions": sum(live for live, _ in loads.values()),
                "max_sessions": sum(most for _, most in loads.values()),
                "replicas": {name: {"sessions": live, "max_sessions": most} for name, (live, most) in loads.items()},
                "draining": sorted(VIEW.get().leaving),
            }
        )

    async def _ready(self, request: Request) -> Response:
        """200 where a replica runs that reports; 503 else, for an orchestrator."""
        is_ready = bool(VIEW.get().loads) or bool((await self._links.broadcast("load")).keys() - VIEW.get().leaving)
        return JSONResponse({"status": "ready" if is_ready else "starting"}, 200 if is_ready else 503)

    async def _metrics(self, request: Request) -> Response:
        check_figures(request, self._settings.token)
        texts = await self._links.broadcast("metrics")
        return Response(labelled_metrics(texts), media_type=CONTENT_TYPE_LATEST)

    async def _forward(self, request: Request) -> Response:
        """Have the replica of the session that a request names answer it, or any where it names none."""
        check_token(request, self._settings.token)
        body = await self._http.read(request)
        session, way = request.query_params.get("session"), Way.ANY
        if session is not None:
            if (replica := await self._replica_of(session)) is None:
                raise UnknownSessionError
            way = Way.to(replica)
        return await self._http.answer(request, body, way)

    async def _replica_of(self, session: str) -> str | None:
        """Where a session is. What comes for one that moves waits until it has: the former replica's is over then."""
        relay = next((each for each in self._relays if each.session == session), None)
        replica = None if relay is None else await relay.settled()
        return await self._links.replica_of(session) if replica is None else replica

    async def _relay(self, socket: WebSocket) -> None:
        """One page's WebSocket, see `PageRelay`."""
        if not await may_begin(socket, self._limiters, lambda: True):
            return
        await socket.accept()
        try:
            check_token(socket, self._settings.token)
        except KagamiError as error:
            sender = MessageSender(socket)
            await sender.send(server_messages.Error.of(error, fatal=True))
            await sender.close()
            return
        relay = PageRelay(self._links, socket, plain_scope(socket.scope), self._links.note)
        self._relays.add(relay)
        try:
            await relay.run()
        finally:
            self._relays.discard(relay)

    async def close(self) -> None:
        """End the WebSockets of programs; encoders and players live on at their replicas."""
        await self._control.close()
        if self._whip is not None:
            self._whip.close()

    async def keep_moving(self) -> None:
        """Look for new replicas, and for sessions that should move, until this is cancelled."""
        while True:
            await asyncio.sleep(CHECK_PERIOD_S)
            try:
                await self._links.greet()
                await self._move_some()
            except Exception:  # the next look comes
                _log.exception("sessions could not be moved")

    async def _move_some(self) -> None:
        """Move sessions of this ingress away from replicas that are overdue, and as many of each overloaded one as are
        its share of the surplus.
        """
        view, now = VIEW.get(), time.monotonic()
        if not view.loads:
            return  # none runs to which one could go
        overdue = {name for name, since in view.leaving.items() if now - since > self.drain_s}
        late = {name for name in overdue if now - view.leaving[name] > self.drain_s + FILM_S}
        moving = []
        for name in {relay.replica for relay in self._relays} - {None}:
            own = [relay for relay in self._relays if relay.replica == name]
            load = view.loads.get(str(name))
            if name in overdue:
                moving += own
            elif load is not None and load.surplus and self._links.has_room({str(name)}):
                moving += own[: math.ceil(load.surplus * len(own) / max(1, load.live))]
        if self._whip is not None and overdue:
            await self._whip.let_go(overdue)
        await run_bounded([partial(relay.move, overdue, relay.replica not in late) for relay in moving], MOVES_AT_ONCE)


async def _answer_nobody(request: Request, error: Exception) -> Response:
    """The answer to a client that has gone before all of its request came."""
    return PlainTextResponse("", 400)


async def _answer_error(request: Request, error: Exception) -> Response:
    """The answer to a request whose route raised a KagamiError."""
    if isinstance(error, NoReplicaError | ReplicaGoneError | SlowReplicaError):
        return error_response(error, 503)
    return await answer_error(request, error)
