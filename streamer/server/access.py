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
# With one of these the request came through a proxy, whatever address they name.
PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


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
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_allowed_name(_hostname(hosts[0])):
            return (
                "This address is not one of the server's: open it as localhost or allow the name with --allow-origin."
            )
        for origin in headers.getlist("origin"):
            if origin not in self._allowed_origins and _netloc(origin) != hosts[0]:
                return (
                    "The request comes from another site: open the server's own page or allow the site with "
                    "--allow-origin."
                )
        return None

    def _is_allowed_name(self, name: str) -> bool:
        return name in self._allowed_names or _ip_address(name) is not None


def check_token(connection: HTTPConnection, token: str | None) -> None:
    """Compare the tokens of a request (`Authorization: Bearer …`, `?token=…`) with the server's, in constant time.

    One that fits is enough, since a proxy may use `Authorization` for itself. token: None accepts every request.
    Raises MissingTokenError.
    """
    if token is None:
        return
    given = [value.encode("utf-8", "replace") for value in connection.query_params.getlist("token")]
    for value in connection.headers.getlist("authorization"):
        scheme, _, credentials = value.partition(" ")
        if scheme.lower() == "bearer":
            given.append(credentials.strip().encode("latin-1"))  # the bytes of the header
    if not any([hmac.compare_digest(each, token.encode()) for each in given]):
        raise MissingTokenError


def address_of(connection: HTTPConnection) -> str:
    """The address of who sends a request, for rates; "" where it is not known."""
    return "" if connection.client is None else connection.client.host


def is_from_this_machine(connection: HTTPConnection) -> bool:
    """True if the request comes from a program on this machine, without a proxy between.

    Its peer has a loopback address, `Host` and `Origin` (if any) name this machine, and no header tells of a proxy. A
    proxy on this machine that replaces `Host` and adds no such header cannot be told from a local program.
    """
    headers = connection.headers
    names = [*map(_hostname, headers.getlist("host")), *map(_origin_hostname, headers.getlist("origin"))]
    return (
        connection.client is not None
        and _is_loopback(connection.client.host)
        and all(map(_is_loopback, names))
        and not any(name in headers for name in PROXY_HEADERS)
    )


def may_see_figures(connection: HTTPConnection, token: str | None) -> bool:
    """Whether a request may learn how much the server is used: with the token, where there is one, and else only from
    this machine.
    """
    if token is None:
        return is_from_this_machine(connection)
    try:
        check_token(connection, token)
    except MissingTokenError:
        return False
    return True


def check_figures(connection: HTTPConnection, token: str | None) -> None:
    """Raises MissingTokenError, and ForbiddenError for those who may not see figures."""
    check_token(connection, token)
    if not may_see_figures(connection, token):
        raise ForbiddenError("Without --token, figures are for this machine only: set one.")


def error_response(error: KagamiError, status: int) -> JSONResponse:
    """The HTTP answer to a failed request: `{"code", "message"}`."""
    return JSONResponse({"code": error.code, "message": str(error)}, status)


def _ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_loopback(name: str) -> bool:
    address = _ip_address(name.removeprefix("::ffff:"))  # the form of IPv4 addresses on a socket for IPv6
    return name == "localhost" or (address is not None and address.is_loopback)


def _hostname(netloc: str) -> str:
    """The name or address in a `Host` header, without port and brackets; empty if it cannot be parsed."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    """Host and port of an `Origin` header; empty if it cannot be parsed."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _origin_hostname(origin: str) -> str:
    """The name or address in an `Origin` header, as that of a `Host` header."""
    return _hostname(_netloc(origin))


def _with_security_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message.get("headers", []),
                *((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()),
            ]
        await send(message)

    return wrapped
