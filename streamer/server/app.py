"""The web server's routes: the page, the HTTP interface, and the WebSocket endpoint."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from streamer.addresses import host_and_port
from streamer.engine.output_feed import OutputFeed
from streamer.errors import (
    KagamiError,
    UnknownSessionError,
)
from streamer.rigging.backdrop import Backdrop
from streamer.runtime.cached_value import CachedValue
from streamer.server import messages
from streamer.server.access import (
    AccessMiddleware,
    check_figures,
    check_token,
    may_see_figures,
)
from streamer.server.background_routes import BackgroundRoutes
from streamer.server.control_api_routes import ControlApiRoutes
from streamer.server.conversation import Conversations
from streamer.server.error_answers import answer_error, answer_nobody
from streamer.server.executors import Executors
from streamer.server.film_routes import FilmRoutes
from streamer.server.film_worker import FilmWorker
from streamer.server.films import Films
from streamer.server.kept_sessions import KEEP_S
from streamer.server.made_engine import MadeEngine
from streamer.server.metrics import Metrics
from streamer.server.phone import PhoneAddress, phone_routes
from streamer.server.picture_routes import PictureRoutes
from streamer.server.point_routes import PointRoutes
from streamer.server.rate_limits import Limits, RateLimiters, RequestLimitMiddleware
from streamer.server.samples import sample_routes
from streamer.server.session import Session
from streamer.server.session_services import SessionServices
from streamer.server.uploads import Uploads
from streamer.server.virtual_camera_routes import virtual_camera_routes
from streamer.settings import Settings

if TYPE_CHECKING:
    from streamer.server.recorder import Recorder

WEB_CLIENT = Path(__file__).resolve().parents[2] / "web_client"
METRICS_PERIOD_S = 1.0  # `/metrics` is computed at most so often


class Server:
    """The web server of one engine. `app` is the ASGI application; `close` ends every session.

    made: the engine, and what its sessions begin with; `close` closes its `pictures`. web_client: folder of the page's
    files. limits: rates of requests, offers, uploads and so on. phone: the address under which a phone opens the page.
    camera: the virtual camera, which the page switches. recorder: of `--record`, which the page tells of.
    keep_s: how long a session is kept whose page went without `bye`. make_film_worker: in place of `FilmWorker`.
    osc: a UDP socket for controls, which it listens on from `start` on. tell: called with a line for the console.
    place: the name of this server among several, see `WhipRoutes`; sessions may go to another one then.
    """

    def __init__(
        self,
        made: MadeEngine,
        settings: Settings,
        web_client: Path = WEB_CLIENT,
        limits: Limits | None = None,
        phone: PhoneAddress | None = None,
        camera: OutputFeed | None = None,
        recorder: Recorder | None = None,
        keep_s: float = KEEP_S,
        make_film_worker: Callable[[], Any] | None = None,
        osc: socket.socket | None = None,
        tell: Callable[[str], None] = lambda line: None,
        place: str | None = None,
    ) -> None:
        engine, avatar, name, self._pictures, backdrop = made
        self.engine = engine
        self._settings = settings
        self._executors = Executors()
        self._limiters = RateLimiters(limits or Limits())
        self._films = Films(settings, self._executors, make_film_worker or partial(FilmWorker, settings))
        services = SessionServices(
            engine, settings, avatar, name, backdrop, self._executors, self._limiters, self._films
        )
        self.conversations = Conversations(services, keep_s)
        uploads = Uploads(settings, self._limiters)
        pictures_of_sessions = PictureRoutes(
            settings, avatar, self._pictures, self._executors, uploads, self._session_of
        )
        points = PointRoutes(self._pictures, self._executors, self._limiters, uploads, self._session_of)
        backgrounds = BackgroundRoutes(
            self._pictures, self._executors, uploads, self._session_of, keeps_files=place is not None
        )
        self.control = ControlApiRoutes(
            settings, self._executors, self._limiters, self.conversations, self._pictures, uploads
        )
        films = FilmRoutes(settings, self._limiters, self._session_of)
        self.whip: Any = None
        if settings.whip:
            from streamer.server.whip_routes import WhipRoutes  # noqa: PLC0415 - imported where it is wanted alone

            self.whip = WhipRoutes(engine, settings, self.conversations, self._limiters, place)
        self.metrics = Metrics(engine)
        self._osc: Any = None
        if osc is not None:
            from streamer.server.osc_port import OscPort  # noqa: PLC0415 - imported where it is wanted alone

            self._osc = OscPort(osc, self.control.api, self._limiters, tell)
            self.metrics.datagrams["OSC"] = lambda: self._osc.dropped
        self._camera = camera
        self._recorder = recorder
        self._avatar = avatar
        self._name = name
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self.metrics)
        self._metrics_text = CachedValue(lambda: generate_latest(self._registry), METRICS_PERIOD_S)
        self.app = Starlette(
            routes=[
                Route("/api/config", self._config),
                Route("/api/health", self._health),
                *pictures_of_sessions.routes,
                *points.routes,
                *backgrounds.routes,
                *self.control.routes,
                *films.routes,
                *sample_routes(self._executors, settings),
                *phone_routes(settings, phone),
                *virtual_camera_routes(settings, self._executors, camera),
                *([] if self.whip is None else self.whip.routes),
                Route("/metrics", self._metrics),
                WebSocketRoute("/ws", self.conversations.websocket_endpoint),
                Mount("/", StaticFiles(directory=web_client, html=True, check_dir=False)),
            ],
            exception_handlers={KagamiError: answer_error, ClientDisconnect: answer_nobody},
        )
        self.app.add_middleware(RequestLimitMiddleware, limiter=self._limiters.requests)
        self.app.add_middleware(AccessMiddleware, settings=settings)  # the outer one, which adds the security headers

    async def start(self) -> None:
        """Open what needs the event loop. `close` closes it, too."""
        if self._osc is not None:
            await self._osc.start()

    async def close(self) -> None:
        """Send `bye` to every page and wait until every session has ended; a picture being decoded is dropped."""
        self._pictures.close()
        if self._osc is not None:
            await self._osc.close()
        await self.control.close()
        if self.whip is not None:
            await self.whip.close()
        await self.conversations.close()
        await self._films.close()

    async def load_backdrop(self, file: bytes) -> Backdrop:
        """A background from a file that another server took. Raises BackdropError, PictureError."""
        return await self._executors.decode(partial(self._pictures.load_backdrop, file))

    async def _config(self, request: Request) -> Response:
        check_token(request, self._settings.token)
        return JSONResponse(
            {
                "protocol": messages.PROTOCOL,
                "max_upload_mb": self._settings.max_upload_mb,
                "film_minutes": self._settings.film_minutes,
                "max_clip_mb": self._settings.max_clip_mb,
                "token_required": self._settings.token is not None,
                "virtual_camera": self._camera is not None and self._camera.is_on,
                "records": self._recorder is not None and self._recorder.is_on,
                "video": {"width": self._avatar.width, "height": self._avatar.height, "fps": self._settings.fps},
                "picture": {"name": self._name},
                "trackers": [
                    {"kind": kind, "port": host_and_port(at)[1]} for kind, at in self._settings.tracker_ports.items()
                ],
            }
        )

    async def _health(self, request: Request) -> Response:
        """That the server answers, for everybody; how full it is, for those who may know."""
        if not may_see_figures(request, self._settings.token):
            return JSONResponse({"status": "ok"})
        return JSONResponse(
            {"status": "ok", "sessions": self.engine.session_count, "max_sessions": self.engine.max_sessions}
        )

    async def _metrics(self, request: Request) -> Response:
        check_figures(request, self._settings.token)
        return Response(await self.metrics_text(), media_type=CONTENT_TYPE_LATEST)

    async def metrics_text(self) -> bytes:
        """All metrics in the text format of Prometheus, at most METRICS_PERIOD_S old."""
        is_stale = self._metrics_text.is_stale
        return await self._executors.measure(self._metrics_text) if is_stale else self._metrics_text()

    def _session_of(self, request: Request) -> Session:
        """The session that a request names. Raises UnknownSessionError."""
        check_token(request, self._settings.token)
        session = self.conversations.sessions.get(request.query_params.get("session", ""))
        if session is None:
            raise UnknownSessionError
        return session
