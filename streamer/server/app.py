"""The web server's routes: the page, the HTTP interface, and the WebSocket endpoint."""

from __future__ import annotations

import asyncio
import functools
import io
import re
from pathlib import Path

from PIL import Image
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from streamer.engine.engine import Engine
from streamer.errors import BusyError, KagamiError, MissingTokenError, ProtocolError, TooLargeError
from streamer.generation.pipeline import Avatar
from streamer.rigging.picture import load_picture
from streamer.server import signaling
from streamer.server.access import AccessMiddleware, check_token, error_response
from streamer.server.conversation import Conversations
from streamer.server.metrics import Metrics
from streamer.settings import Settings

WEB_CLIENT = Path(__file__).resolve().parents[2] / "web_client"
REFERENCE_PICTURE_SIDE = 1024  # pixels, the longest side of the picture at GET /api/picture
MAX_PICTURE_NAME = 80  # characters
_NOT_IN_A_NAME = re.compile(r"[^\w .()\-]", re.UNICODE)
_STATUS_OF_ERROR: dict[type[Exception], int] = {MissingTokenError: 401, BusyError: 409, TooLargeError: 413}


class Server:
    """The web server of one engine. `app` is the ASGI application; `close` ends every session.

    avatar, name: the prepared reference picture that a session starts with, and the name that the page shows for it.
    web_client: folder of the page's files.
    """

    def __init__(
        self, engine: Engine, settings: Settings, avatar: Avatar, name: str, web_client: Path = WEB_CLIENT
    ) -> None:
        self.engine = engine
        self._settings = settings
        self.conversations = Conversations(engine, settings, avatar, name)
        self._avatar = avatar
        self._name = name
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Metrics(engine))
        self.app = Starlette(
            routes=[
                Route("/api/config", self._config),
                Route("/api/health", self._health),
                Route("/api/picture", self._upload_picture, methods=["PUT"]),
                Route("/api/picture", self._reference_picture, methods=["GET"]),
                Route("/metrics", self._metrics),
                WebSocketRoute("/ws", self.conversations.websocket_endpoint),
                Mount("/", StaticFiles(directory=web_client, html=True, check_dir=False)),
            ],
            exception_handlers={KagamiError: _answer_error},
        )
        self.app.add_middleware(AccessMiddleware, settings=settings)

    async def close(self) -> None:
        """Send `bye` to every page and wait until every session has ended."""
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
        text = await asyncio.to_thread(generate_latest, self._registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def _upload_picture(self, request: Request) -> Response:
        """Take a new reference picture for a live session; it is prepared after this answer."""
        check_token(request, self._settings.token)
        session = self.conversations.sessions.get(request.query_params.get("session", ""))
        if session is None:
            return error_response(ProtocolError("This session does not exist any more; reload the page."), 404)
        name = _NOT_IN_A_NAME.sub("", request.query_params.get("name", ""))[:MAX_PICTURE_NAME] or "picture"
        try:
            data = await _read_body(request, self._settings.max_upload_mb)
        except ClientDisconnect:
            return PlainTextResponse("", 400)
        picture = await asyncio.to_thread(load_picture, data)
        session.change_picture(picture, name)
        return JSONResponse({"stage": "preparing", "name": name}, 202)

    async def _reference_picture(self, request: Request) -> Response:
        """The reference picture that every session starts with; the page shows it until its avatar is live."""
        check_token(request, self._settings.token)
        try:
            return Response(await asyncio.to_thread(_as_webp, self._settings.ref), media_type="image/webp")
        except KagamiError as error:  # the file was removed after the start
            return error_response(error, 404)


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
