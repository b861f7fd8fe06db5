"""The web server: the page, a small HTTP interface, and the WebSocket at which sessions begin and end."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hmac
import io
import ipaddress
import json
import logging
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from streamer.engine.engine import Engine
from streamer.errors import (
    BusyError,
    EngineClosedError,
    ForbiddenError,
    HopelessError,
    KagamiError,
    ProtocolError,
    ServerFullError,
    SessionError,
    TooLargeError,
)
from streamer.generation.pipeline import Avatar
from streamer.rigging.picture import load_picture
from streamer.server import signaling
from streamer.server.metrics import Metrics
from streamer.server.session import Session
from streamer.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "web_client"
MAX_PAGES = 64  # open conversations beyond the seats: pages that have not started, viewers
HELLO_TIMEOUT = 10.0
SEND_TIMEOUT = 10.0
STILL_SIDE = 1024  # pixels
_NAME = re.compile(r"[^\w .()\-]", re.UNICODE)
_log = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        "font-src 'self'; connect-src 'self' ws: wss:; manifest-src 'self'; worker-src 'self' blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), fullscreen=(self), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Middleware: security headers on every answer, and only requests that name this server in `Host` and come from
    its page.

    A page on another site can make a browser send requests here, by DNS rebinding even under its own name; so `Host`
    must be an IP address, localhost, or a name that was allowed, and `Origin`, where a browser sends it, must be the
    same or allowed.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._origins = set(settings.allow_origin)
        self._names = {urlsplit(origin).hostname for origin in settings.allow_origin} | {"localhost", settings.host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        problem = self._problem(Headers(scope=scope))
        if problem is None:
            await self._app(scope, receive, _with_headers(send) if scope["type"] == "http" else send)
        elif scope["type"] == "http":
            await _refusal(ForbiddenError(problem), 403)(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "forbidden"})

    def _problem(self, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if not self._known(_hostname(host)):
            return (
                "This address is not one of the server's; open it as localhost or allow the name with --allow-origin."
            )
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins and urlsplit(origin).netloc != host:
            return (
                "The request comes from another site; open the server's own page or allow the site with --allow-origin."
            )
        return None

    def _known(self, name: str) -> bool:
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _hostname(netloc: str) -> str:
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message.get("headers", []),
                *((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()),
            ]
        await send(message)

    return wrapped


def _refusal(problem: KagamiError, status: int) -> JSONResponse:
    return JSONResponse({"code": problem.code, "message": str(problem)}, status)


class Server:
    """All live conversations. `app` is the ASGI application; `close` ends every session.

    avatar, name: the prepared picture that sessions start with, and what people call it.
    """

    def __init__(self, engine: Engine, settings: Settings, avatar: Avatar, name: str, page: Path = PAGE) -> None:
        self.engine = engine
        self.settings = settings
        self._avatar = avatar
        self._name = name
        self._sessions: dict[str, Session] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Metrics(engine))
        self._closing = False
        self._conversations: set[asyncio.Task[None]] = set()
        self.app = Starlette(
            routes=[
                Route("/api/config", self._config),
                Route("/api/health", self._health),
                Route("/api/picture", self._picture, methods=["PUT"]),
                Route("/api/picture", self._still, methods=["GET"]),
                Route("/metrics", self._metrics),
                WebSocketRoute("/ws", self._converse),
                Mount("/", StaticFiles(directory=page, html=True, check_dir=False)),
            ],
        )
        self.app.add_middleware(Guard, settings=settings)

    async def close(self) -> None:
        """End all conversations, telling their pages, and wait until they are over."""
        self._closing = True
        for task in list(self._conversations):
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _permits(self, headers: Headers, query: QueryParams) -> bool:
        if self.settings.token is None:
            return True
        given = headers.get("authorization", "").removeprefix("Bearer ") or query.get("token", "")
        return hmac.compare_digest(given.encode(), self.settings.token.encode())

    async def _config(self, request: Request) -> Response:
        if not self._permits(request.headers, request.query_params):
            return _refusal(_NO_TOKEN, 401)
        return JSONResponse(
            {
                "protocol": signaling.PROTOCOL,
                "max_upload_mb": self.settings.max_upload_mb,
                "token_required": self.settings.token is not None,
                "video": {"width": self._avatar.width, "height": self._avatar.height, "fps": self.settings.fps},
                "picture": {"name": self._name},
            }
        )

    async def _health(self, request: Request) -> Response:
        return JSONResponse(
            {"status": "ok", "sessions": self.engine.sessions, "max_sessions": self.engine.max_sessions}
        )

    async def _metrics(self, request: Request) -> Response:
        if not self._permits(request.headers, request.query_params):
            return _refusal(_NO_TOKEN, 401)
        text = await asyncio.to_thread(generate_latest, self._registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def _picture(self, request: Request) -> Response:  # noqa: PLR0911 - one for each way it can go
        if not self._permits(request.headers, request.query_params):
            return _refusal(_NO_TOKEN, 401)
        session = self._sessions.get(request.query_params.get("session", ""))
        if session is None:
            return _refusal(ProtocolError("This session does not exist any more; reload the page."), 404)
        name = _NAME.sub("", request.query_params.get("name", ""))[:80] or "picture"
        try:
            data = await self._read_body(request)
            picture = await asyncio.to_thread(load_picture, data)
            session.change_picture(picture, name)
        except BusyError as problem:
            return _refusal(problem, 409)
        except TooLargeError as problem:
            return _refusal(problem, 413)
        except KagamiError as problem:
            return _refusal(problem, 400)
        except ClientDisconnect:
            return PlainTextResponse("", 400)
        return JSONResponse({"stage": "preparing", "name": name}, 202)

    async def _still(self, request: Request) -> Response:
        """The picture that everybody starts with, for the page to show before its person is live."""
        if not self._permits(request.headers, request.query_params):
            return _refusal(_NO_TOKEN, 401)
        try:
            return Response(await asyncio.to_thread(_as_webp, self.settings.ref), media_type="image/webp")
        except KagamiError as problem:  # the file was taken away since the start
            return _refusal(problem, 404)

    async def _read_body(self, request: Request) -> bytes:
        """The body, never holding more than the limit. Raises TooLargeError."""
        limit = round(self.settings.max_upload_mb * 1e6)
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > limit:
                raise TooLargeError(self.settings.max_upload_mb)
        return bytes(data)

    async def _converse(self, socket: WebSocket) -> None:
        """One page, from its greeting to its leaving."""
        await socket.accept()
        say = _Speaker(socket)
        try:
            if not self._permits(socket.headers, socket.query_params):
                raise _NO_TOKEN
            if len(self._conversations) >= MAX_PAGES + self.engine.max_sessions:
                raise ServerFullError(self.engine.max_sessions)
        except KagamiError as problem:
            await say(signaling.error(problem, fatal=True))
            await say.hang_up()
            return
        loop = asyncio.get_running_loop()
        conversation = loop.create_task(self._hold(socket, say))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)
        try:
            await asyncio.wait({conversation})
        finally:  # cancelled from outside: take the conversation along
            conversation.cancel()
            await asyncio.gather(conversation, return_exceptions=True)

    async def _hold(self, socket: WebSocket, say: _Speaker) -> None:
        session: Session | None = None
        this = asyncio.current_task()
        assert this is not None
        try:
            order = signaling.Order()
            async with asyncio.timeout(HELLO_TIMEOUT):
                hello = await self._greeting(socket, say, order)
            watch = hello.watch and self._local(socket)
            if hello.watch and not watch:
                raise ForbiddenError(
                    "The output view opens only on the server's own machine; open the page without it."
                )
            session = Session(self.engine, self.settings, self._avatar, self._name, say, lambda: _cancel(this), watch)
            self._sessions[session.id] = session
            await session.begin()
            while not isinstance(message := await self._next(socket, say, order), signaling.Bye):
                try:
                    await session.handle(message)
                except KagamiError as problem:
                    await say.complain(problem, order)
        except (WebSocketDisconnect, TimeoutError):
            pass  # the page left, or never spoke
        except KagamiError as problem:
            await say(signaling.error(problem, fatal=True))
        except asyncio.CancelledError:
            if self._closing:
                await say(signaling.bye(str(EngineClosedError())))
            elif session is not None and session.failure is not None:
                await say(signaling.error(session.failure, fatal=True))
        except Exception:  # the boundary of the session: it ends alone
            _log.exception("a conversation broke")
            await say(signaling.error(SessionError(), fatal=True))
        finally:
            if session is not None:
                self._sessions.pop(session.id, None)
                await session.close()
            await say.hang_up()

    async def _greeting(self, socket: WebSocket, say: _Speaker, order: signaling.Order) -> signaling.Hello:
        while True:
            message = await self._next(socket, say, order)
            if isinstance(message, signaling.Hello):
                return message
            if isinstance(message, signaling.Bye):
                raise WebSocketDisconnect(1000)

    async def _next(self, socket: WebSocket, say: _Speaker, order: signaling.Order) -> signaling.Message:
        """The next message that is well-formed and in order; the others are answered by an error.

        Raises WebSocketDisconnect, and HopelessError after too many errors.
        """
        while True:
            received = await socket.receive()
            if received["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(received.get("code", 1000))
            try:
                order.count()
                text = received.get("text")
                message = signaling.read(text if text is not None else received.get("bytes", b""))
                order.admit(message)
                return message
            except ProtocolError as problem:
                await say.complain(problem, order)

    @staticmethod
    def _local(socket: WebSocket) -> bool:
        try:
            return socket.client is not None and ipaddress.ip_address(socket.client.host).is_loopback
        except ValueError:
            return False


@functools.lru_cache(1)
def _as_webp(path: Path) -> bytes:
    """The picture upright and no larger than a page shows it. Raises PictureError."""
    image = Image.fromarray(load_picture(path).rgba)
    image.thumbnail((STILL_SIDE, STILL_SIDE))
    data = io.BytesIO()
    image.save(data, "webp", quality=88)
    return data.getvalue()


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


class _Speaker:
    """Sends messages one after another; a page that is gone or takes nothing any more is nobody's problem but its
    own.
    """

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._turn = asyncio.Lock()

    async def __call__(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):  # TimeoutError is an OSError
            async with self._turn:
                if self._socket.application_state is WebSocketState.CONNECTED:
                    # Not wait_for: that of Python 3.11 swallows a cancellation that comes as the work ends.
                    async with asyncio.timeout(SEND_TIMEOUT):
                        await self._socket.send_text(json.dumps(message))

    async def complain(self, problem: KagamiError, order: signaling.Order) -> None:
        """Say what was wrong. Raises HopelessError after one error too many."""
        await self(signaling.error(problem))
        if order.complain():
            raise HopelessError

    async def hang_up(self) -> None:
        with contextlib.suppress(RuntimeError, OSError):
            if self._socket.application_state is WebSocketState.CONNECTED:
                await self._socket.close()


_NO_TOKEN = ForbiddenError(
    "The token is missing or wrong; open the page with ?token= and the word the server was started with."
)
