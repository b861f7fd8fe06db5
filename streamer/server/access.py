"""Who may send requests to this server: checks of `Host` and `Origin`, the token, and the security headers."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamer.errors import ForbiddenError, KagamiError, MissingTokenError
from streamer.settings import Settings

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


class AccessMiddleware:
    """ASGI middleware that adds the security headers to every response and refuses foreign hosts and origins.

    A page of another site can make a browser send requests here, with DNS rebinding even under a name of its own.
    Therefore `Host` must be an IP address, localhost, or a name from `--allow-origin`, and `Origin`, where a browser
    sends it, must be the same address or one from `--allow-origin`. HTTP requests are refused with status 403,
    WebSockets with close code 1008.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._allowed_origins = set(settings.allow_origin)
        self._allowed_names = {urlsplit(origin).hostname for origin in settings.allow_origin}
        self._allowed_names |= {"localhost", settings.host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        problem = self._problem(Headers(scope=scope))
        if problem is None:
            await self._app(scope, receive, _with_security_headers(send) if scope["type"] == "http" else send)
        elif scope["type"] == "http":
            await error_response(ForbiddenError(problem), 403)(scope, receive, _with_security_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "forbidden"})

    def _problem(self, headers: Headers) -> str | None:
        """The sentence that refuses the request, or None if it is allowed."""
        host = headers.get("host", "")
        if not self._is_allowed_name(_hostname(host)):
            return (
                "This address is not one of the server's; open it as localhost or allow the name with --allow-origin."
            )
        origin = headers.get("origin")
        if origin is not None and origin not in self._allowed_origins and urlsplit(origin).netloc != host:
            return (
                "The request comes from another site; open the server's own page or allow the site with --allow-origin."
            )
        return None

    def _is_allowed_name(self, name: str) -> bool:
        return name in self._allowed_names or _ip_address(name) is not None


def check_token(connection: HTTPConnection, token: str | None) -> None:
    """Compare the token of a request (`Authorization: Bearer …` or `?token=…`) with the server's, in constant time.

    token: None accepts every request. Raises MissingTokenError.
    """
    if token is None:
        return
    bearer = connection.headers.get("authorization", "").removeprefix("Bearer ")
    given = bearer or connection.query_params.get("token", "")
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise MissingTokenError


def is_from_this_machine(connection: HTTPConnection) -> bool:
    """True if the peer's address is a loopback address."""
    address = None if connection.client is None else _ip_address(connection.client.host)
    return address is not None and address.is_loopback


def error_response(error: KagamiError, status: int) -> JSONResponse:
    """The HTTP answer to a failed request: `{"code", "message"}`."""
    return JSONResponse({"code": error.code, "message": str(error)}, status)


def _ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _hostname(netloc: str) -> str:
    """The name or address in a `Host` header, without port and brackets; empty if it cannot be parsed."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _with_security_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message.get("headers", []),
                *((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()),
            ]
        await send(message)

    return wrapped
