"""The web server's routes: the page, the HTTP interface, and the WebSocket endpoint."""

from __future__ import annotations

import contextlib
import functools
import io
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PIL import Image
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from streamer.engine.engine import Engine
from streamer.errors import (
    BusyError,
    KagamiError,
    MissingTokenError,
    ProtocolError,
    TooFastError,
    TooLargeError,
)
from streamer.generation.pipeline import Avatar
from streamer.rigging.picture import load_picture
from streamer.rigging.picture_process import PictureProcess
from streamer.runtime.cached_value import CachedValue
from streamer.server import signaling
from streamer.server.access import AccessMiddleware, check_token, error_response
from streamer.server.conversation import Conversations
from streamer.server.executors import Executors
from streamer.server.metrics import Metrics
from streamer.server.rate_limits import Limits, RateLimiter, RateLimiters
from streamer.server.samples import sample_routes
from streamer.settings import Settings

WEB_CLIENT = Path(__file__).resolve().parents[2] / "web_client"
REFERENCE_PICTURE_SIDE = 1024  # pixels, the longest side of the picture at GET /api/picture
MAX_PICTURE_NAME = 80  # characters
_NOT_IN_A_NAME = re.compile(r"[^\w .()\-]", re.UNICODE)
METRICS_PERIOD_S = 1.0  # `/metrics` is computed at most so often
MAX_UPLOADS = 8  # request bodies that are read, or wait to be decoded, at once; each has up to `max_upload_mb`
MAX_UPLOADS_PER_ADDRESS = 2
_STATUS_OF_ERROR: dict[type[Exception], int] = {
    MissingTokenError: 401,
    BusyError: 409,
    TooLargeError: 413,
    TooFastError: 429,
}


class Server:
    """The web server of one engine. `app` is the ASGI application; `close` ends every session.

    avatar, name: the prepared reference picture that a session starts with, and the name that the page shows for it.
    pictures: decodes uploads; `close` closes it. web_client: folder of the page's files. limits: rates of requests,
    offers, uploads and so on.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        avatar: Avatar,
        name: str,
        pictures: PictureProcess | None = None,
        web_client: Path = WEB_CLIENT,
        limits: Limits | None = None,
    ) -> None:
        self.engine = engine
        self._settings = settings
        self._pictures = pictures or PictureProcess()
        self._executors = Executors()
        self._limiters = RateLimiters(limits or Limits())
        self._uploads: Counter[str] = Counter()  # uploads that are read or decoded now, by address
        self.conversations = Conversations(engine, settings, avatar, name, self._executors, self._limiters)
        self._avatar = avatar
        self._name = name
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Metrics(engine))
        self._metrics_text = CachedValue(lambda: generate_latest(self._registry), METRICS_PERIOD_S)
        self.app = Starlette(
            routes=[
                Route("/api/config", self._config),
                Route("/api/health", self._health),
                Route("/api/picture", self._upload_picture, methods=["PUT"]),
                Route("/api/picture", self._reference_picture, methods=["GET"]),
                *sample_routes(self._executors, settings.token),
                Route("/metrics", self._metrics),
                WebSocketRoute("/ws", self.conversations.websocket_endpoint),
                Mount("/", StaticFiles(directory=web_client, html=True, check_dir=False)),
            ],
            exception_handlers={KagamiError: _answer_error},
        )
        self.app.add_middleware(RequestLimitMiddleware, limiter=self._limiters.requests)
        self.app.add_middleware(AccessMiddleware, settings=settings)  # the outer one, which adds the security headers

    async def close(self) -> None:
        """Send `bye` to every page and wait until every session has ended; a picture being decoded is dropped."""
        self._pictures.close()
        await self.conversations.close()

    async def _config(self, request: Request) -> Response:
        check_token(request, self._settings.token)
        return JSONResponse(
            {
                "protocol": signaling.PROTOCOL,
                "max_upload_mb": self._settings.max_upload_mb,
                "token_required": self._settings.token is not None,
                "video": {"width": self._avatar.width, "height": self._avatar.height, "fps": self._settings.fps},
                "picture": {"name": self._name},
            }
        )

    async def _health(self, request: Request) -> Response:
        return JSONResponse(
            {"status": "ok", "sessions": self.engine.session_count, "max_sessions": self.engine.max_sessions}
        )

    async def _metrics(self, request: Request) -> Response:
        check_token(request, self._settings.token)
        is_stale = self._metrics_text.is_stale
        text = await self._executors.measure(self._metrics_text) if is_stale else self._metrics_text()
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def _upload_picture(self, request: Request) -> Response:
        """Take a new reference picture for a live session; it is prepared after this answer."""
        check_token(request, self._settings.token)
        session = self.conversations.sessions.get(request.query_params.get("session", ""))
        if session is None:
            return error_response(ProtocolError("This session does not exist any more; reload the page."), 404)
        name = _NOT_IN_A_NAME.sub("", request.query_params.get("name", ""))[:MAX_PICTURE_NAME] or "picture"
        address = _address(request)
        with session.upload(), self._upload_of(address):
            await self._limiters.uploads.wait(address)
            try:
                data = await _read_body(request, self._settings.max_upload_mb)
            except ClientDisconnect:
                return PlainTextResponse("", 400)
            session.change_picture(await self._executors.decode(partial(self._pictures.load, data)), name)
        return JSONResponse({"stage": "preparing", "name": name}, 202)

    @contextlib.contextmanager
    def _upload_of(self, address: str) -> Iterator[None]:
        """While this context is open, one more upload of an address is read or decoded. Raises BusyError."""
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
        """The reference picture that every session starts with; the page shows it until its avatar is live."""
        check_token(request, self._settings.token)
        try:
            webp = await self._executors.decode(partial(_as_webp, self._settings.ref[0]))
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


def _address(request: Request) -> str:
    return "" if request.client is None else request.client.host


async def _answer_error(request: Request, error: Exception) -> Response:
    """The answer to a request whose route raised a KagamiError."""
    assert isinstance(error, KagamiError)
    return error_response(error, _STATUS_OF_ERROR.get(type(error), 400))


async def _read_body(request: Request, limit_mb: float) -> bytes:
    """The body of a request. Raises TooLargeError as soon as more than the limit has arrived."""
    limit = round(limit_mb * 1e6)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise TooLargeError(limit_mb)
    return bytes(data)


@functools.lru_cache(1)
def _as_webp(path: Path) -> bytes:
    """A picture file as WebP, upright, its longest side at most REFERENCE_PICTURE_SIDE. Raises PictureError."""
    image = Image.fromarray(load_picture(path).rgba)
    image.thumbnail((REFERENCE_PICTURE_SIDE, REFERENCE_PICTURE_SIDE))
    data = io.BytesIO()
    image.save(data, "webp", quality=88)
    return data.getvalue()
