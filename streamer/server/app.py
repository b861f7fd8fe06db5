"""The web server's routes: the page, the HTTP interface, and the WebSocket endpoint."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from streamer.addresses import host_and_port
from streamer.engine.engine import Engine
from streamer.engine.output_feed import OutputFeed
from streamer.errors import (
    BusyError,
    KagamiError,
    NotKeptError,
    ProtocolError,
    TooFastError,
    TooLargeError,
    UnknownSessionError,
)
from streamer.generation.avatar import Avatar
from streamer.options import MAX_PICTURES
from streamer.rigging.backdrop import Backdrop
from streamer.rigging.picture import Picture, load_picture
from streamer.rigging.picture_process import PictureProcess
from streamer.runtime.cached_value import CachedValue
from streamer.server import signaling
from streamer.server.access import (
    AccessMiddleware,
    address_of,
    check_figures,
    check_token,
    error_response,
    may_see_figures,
)
from streamer.server.background_routes import BackgroundRoutes
from streamer.server.control_api_routes import ControlApiRoutes
from streamer.server.conversation import Conversations
from streamer.server.error_answers import answer_error
from streamer.server.executors import Executors
from streamer.server.film_routes import FilmRoutes
from streamer.server.film_worker import FilmWorker
from streamer.server.films import Films
from streamer.server.kept_sessions import KEEP_S
from streamer.server.metrics import Metrics
from streamer.server.phone import PhoneAddress, phone_routes
from streamer.server.point_routes import PointRoutes
from streamer.server.prepared_avatars import picture_key
from streamer.server.rate_limits import Limits, RateLimiter, RateLimiters
from streamer.server.request_body import read_body
from streamer.server.samples import sample_routes
from streamer.server.session import Session
from streamer.server.session_pictures import SessionPictures
from streamer.server.thumbnails import small_webp, thumbnail
from streamer.server.upload_name import upload_name
from streamer.server.virtual_camera_routes import virtual_camera_routes
from streamer.settings import Settings

if TYPE_CHECKING:
    from streamer.server.recorder import Recorder

WEB_CLIENT = Path(__file__).resolve().parents[2] / "web_client"
_SHA256 = re.compile("[0-9a-f]{64}")
_NOT_IN_A_KEY = ("session", "name", "token", "sha256")  # of the parameters of an upload: they do not change its avatar
METRICS_PERIOD_S = 1.0  # `/metrics` is computed at most so often
MAX_UPLOADS = 8  # request bodies that are read, or wait to be decoded, at once; each has up to `max_upload_mb`
MAX_UPLOADS_PER_ADDRESS = 2


class Server:
    """The web server of one engine. `app` is the ASGI application; `close` ends every session.

    avatar, name: the prepared reference picture that a session starts with, and the name that the page shows for it.
    pictures: decodes uploads; `close` closes it. backdrop: that every session begins with. web_client: folder of the
    page's files. limits: rates of requests, offers, uploads and so on. phone: the address under which a phone opens the
    page. camera: the virtual camera, which the page switches. recorder: of `--record`, which the page tells of.
    keep_s: how long a session is kept whose page went without `bye`. make_film_worker: in place of `FilmWorker`.
    osc: a UDP socket for controls, which it listens on from `start` on. tell: called with a line for the console.
    place: the name of this server among several, see `WhipRoutes`; sessions may go to another one then.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        avatar: Avatar,
        name: str,
        pictures: PictureProcess | None = None,
        backdrop: Backdrop | None = None,
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
        self.engine = engine
        self._settings = settings
        self._pictures = pictures or PictureProcess()
        self._executors = Executors()
        self._limiters = RateLimiters(limits or Limits())
        self._uploads: Counter[str] = Counter()  # uploads that are read or decoded now, by address
        self._films = Films(settings, self._executors, make_film_worker or partial(FilmWorker, settings))
        self.conversations = Conversations(
            engine, settings, avatar, name, self._executors, self._limiters, self._films, backdrop, keep_s
        )
        points = PointRoutes(self._pictures, self._executors, self._limiters, self._pictures_of, self._change_of)
        backgrounds = BackgroundRoutes(
            self._pictures, self._executors, self._session_of, self._count_upload, self._read_upload,
            keeps_files=place is not None,
        )  # fmt: skip
        self.control = ControlApiRoutes(
            settings, self._executors, self._limiters, self.conversations, self._pictures, self._count_upload,
            self._read_upload,
        )  # fmt: skip
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
                Route("/api/picture", self._upload_picture, methods=["PUT"]),
                Route("/api/picture", self._change_picture_back, methods=["POST"]),
                Route("/api/picture", self._change_to_start, methods=["DELETE"]),
                Route("/api/picture", self._reference_picture, methods=["GET"]),
                Route("/api/thumbnail", self._thumbnail),
                *points.routes,
                *backgrounds.routes,
                *self.control.routes,
                *films.routes,
                *sample_routes(self._executors, settings),
                *phone_routes(settings, phone),
                *virtual_camera_routes(settings, self._executors, camera),
                Route("/api/view", self._upload_view, methods=["PUT"]),
                Route("/api/view", self._add_view_back, methods=["POST"]),
                Route("/api/view", self._remove_view, methods=["DELETE"]),
                *([] if self.whip is None else self.whip.routes),
                Route("/metrics", self._metrics),
                WebSocketRoute("/ws", self.conversations.websocket_endpoint),
                Mount("/", StaticFiles(directory=web_client, html=True, check_dir=False)),
            ],
            exception_handlers={KagamiError: answer_error},
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
                "protocol": signaling.PROTOCOL,
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

    async def _upload_picture(self, request: Request) -> Response:
        """Take a new reference picture for a live session; it is prepared after this answer."""
        pictures = self._pictures_of(request)
        with self._change_of(request, pictures):
            return await self._take_upload(request, lambda picture, key: pictures.change(picture, picture.name, key))

    async def _change_picture_back(self, request: Request) -> Response:
        """Use a picture that the session prepared before, without another upload."""
        pictures, name = self._pictures_of(request), upload_name(request, "The picture")
        pictures.change_back(name, _key(request, request.query_params.get("sha256", "")))
        return JSONResponse({"stage": "preparing", "name": name}, 202)

    async def _change_to_start(self, request: Request) -> Response:
        """Use the picture that the session began with."""
        pictures = self._pictures_of(request)
        pictures.change_to_start()
        return JSONResponse({"stage": "preparing", "name": self._name}, 202)

    async def _upload_view(self, request: Request) -> Response:
        """Take a further view of a live session's character; it is prepared after this answer."""
        pictures = self._pictures_of(request)
        with self._change_of(request, pictures):
            pictures.check_room_for_view()
            return await self._take_upload(request, pictures.add_view)

    async def _add_view_back(self, request: Request) -> Response:
        """Use the character with a view with which the session prepared it before, without another upload."""
        pictures = self._pictures_of(request)
        pictures.add_view_back(_key(request, request.query_params.get("sha256", "")))
        return JSONResponse({"stage": "preparing", "name": pictures.name}, 202)

    async def _remove_view(self, request: Request) -> Response:
        """Take a view away from a live session's character, which is prepared after this answer."""
        pictures = self._pictures_of(request)
        with self._change_of(request, pictures):
            await self._limiters.uploads.wait(address_of(request))
            pictures.remove_view(_index(request))
        return JSONResponse({"stage": "preparing", "name": pictures.name}, 202)

    def _session_of(self, request: Request) -> Session:
        """The session that a request names. Raises UnknownSessionError."""
        check_token(request, self._settings.token)
        session = self.conversations.sessions.get(request.query_params.get("session", ""))
        if session is None:
            raise UnknownSessionError
        return session

    def _pictures_of(self, request: Request) -> SessionPictures:
        """The pictures of the session that a request names. Raises UnknownSessionError."""
        return self._session_of(request).pictures

    async def _take_upload(self, request: Request, use: Callable[[Picture, str], None]) -> Response:
        """Read and decode the picture in a request's body, and use it under the name that the request gives it, with
        the key of what it is prepared from.
        """
        name = upload_name(request, "The picture")
        try:
            data = await self._read_upload(request)
        except ClientDisconnect:
            return PlainTextResponse("", 400)
        digest, picture = await self._executors.decode(
            lambda: (hashlib.sha256(data).hexdigest(), self._pictures.load(data, name))
        )
        use(picture, _key(request, digest))
        return JSONResponse({"stage": "preparing", "name": name}, 202)

    async def _read_upload(self, request: Request) -> bytes:
        """The body of an upload, not sooner than its address may send one. Raises TooLargeError, TooFastError,
        ClientDisconnect.
        """
        await self._limiters.uploads.wait(address_of(request))
        limit_mb = self._settings.max_upload_mb
        return await read_body(request, round(limit_mb * 1e6), TooLargeError(limit_mb))

    @contextlib.contextmanager
    def _change_of(self, request: Request, pictures: SessionPictures) -> Iterator[None]:
        """While this context is open, one more upload of pictures is read or decoded. Raises BusyError."""
        with self._count_upload(request), pictures.upload():
            yield

    @contextlib.contextmanager
    def _count_upload(self, request: Request) -> Iterator[None]:
        """While this context is open, one more upload of an address is read or decoded. Raises BusyError."""
        address = address_of(request)
        if self._uploads[address] >= MAX_UPLOADS_PER_ADDRESS or self._uploads.total() >= MAX_UPLOADS:
            raise BusyError
        self._uploads[address] += 1
        try:
            yield
        finally:
            self._uploads[address] -= 1
            if not self._uploads[address]:
                del self._uploads[address]

    async def _reference_picture(self, request: Request) -> Response:
        """The picture of a session, turned upright, which not every browser can show itself; without one the picture
        that every session starts with. The page shows it until its avatar is live.
        """
        check_token(request, self._settings.token)
        characters = self._pictures_of(request).avatar.characters if "session" in request.query_params else ()
        if characters:
            webp = await self._executors.decode(lambda: small_webp(characters[0].upright))
            return Response(webp, media_type="image/webp")
        return await self._picture_file(self._settings.ref[0])

    async def _thumbnail(self, request: Request) -> Response:
        """The head in a picture of a character: index 0 is the picture itself, 1 its first view. Of a session, or
        without one of what the server was started with.
        """
        check_token(request, self._settings.token)
        avatar = self._pictures_of(request).avatar if "session" in request.query_params else self._avatar
        characters, index = avatar.characters, _index(request) if "index" in request.query_params else 0
        if not 0 <= index < len(characters):
            return error_response(ProtocolError("This picture does not exist any more: reload the page."), 404)
        webp = await self._executors.decode(partial(thumbnail, characters[index]))
        return Response(webp, media_type="image/webp")

    async def _picture_file(self, path: Path) -> Response:
        try:
            webp = await self._executors.decode(partial(_file_as_webp, path))
            return Response(webp, media_type="image/webp")
        except KagamiError as error:  # the file was removed after the start
            return error_response(error, 404)


class RequestLimitMiddleware:
    """ASGI middleware that answers HTTP requests beyond the limiter's rates with status 429."""

    def __init__(self, app: ASGIApp, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._limiter.reserve((scope.get("client") or ("",))[0])
            except TooFastError as error:
                await error_response(error, 429)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _index(request: Request) -> int:
    """The picture that a request names, 0 the first; -1 for anything that is no number of one."""
    text = request.query_params.get("index", "")
    return int(text) if re.fullmatch("[0-9]", text) else -1


def _key(request: Request, digest: str) -> str:
    """What a picture is prepared from: the SHA-256 of its file, and whatever else the request says of it. Raises
    NotKeptError for a `digest` that is none.
    """
    if not _SHA256.fullmatch(digest):
        raise NotKeptError
    return picture_key(digest, [each for each in request.query_params.multi_items() if each[0] not in _NOT_IN_A_KEY])


@functools.lru_cache(MAX_PICTURES)
def _file_as_webp(path: Path) -> bytes:
    """`small_webp` of a file. Raises PictureError."""
    return small_webp(load_picture(path))
