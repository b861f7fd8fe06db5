"""The listening socket, and uvicorn, which serves the application on it. Imports no torch: see run_server.py."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import ssl
from collections.abc import Callable
from types import FrameType
from typing import Protocol
from urllib.parse import quote

import uvicorn
from starlette.types import ASGIApp

from streamer.errors import AddressError, PortInUseError
from streamer.runtime import exit_deadline
from streamer.server.http_deadlines import DeadlineProtocol
from streamer.settings import Settings

# A larger WebSocket message closes the connection; one above the protocol's own 64 KiB is answered by an error.
MAX_WEBSOCKET_MESSAGE_BYTES = 256 * 1024
DRAIN_TIMEOUT_S = 1.0  # for responses that are under way when the server ends


class ClosableApp(Protocol):
    """An ASGI application with conversations that must be closed before its sockets, such as `app.Server`."""

    @property
    def app(self) -> ASGIApp: ...

    async def close(self) -> None: ...


def bind(settings: Settings) -> socket.socket:
    """Make a socket that listens on the address of the settings. Raises PortInUseError, AddressError."""
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise AddressError(settings.host, settings.port, error.strerror or str(error)) from error
    except ValueError as error:  # a name that cannot be encoded, with an empty or too long part, or with a NUL
        raise AddressError(settings.host, settings.port, "it is not a name or an IP address") from error
    if os.name != "nt":  # on Windows this option would let two servers share the port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(settings.host, settings.port) from error
        raise AddressError(settings.host, settings.port, error.strerror or str(error)) from error
    return listening


def run(
    server: ClosableApp,
    settings: Settings,
    listening: socket.socket,
    print_line: Callable[[str], None],
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, after which `exit_deadline` runs.

    print_line: called with the address to open, once the server answers there. tls: for HTTPS.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    web = _Uvicorn(
        serve_config(server.app, tls),
        server,
        lambda: print_line(f"open {page_url(settings, listening)}   (Ctrl-C stops)"),
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has stopped
        web.run([listening])


def serve_config(app: ASGIApp, tls: ssl.SSLContext | None = None) -> uvicorn.Config:
    """uvicorn's options: uvloop where it is installed, no access log, dead WebSockets closed within 15 seconds, slow
    requests closed by `DeadlineProtocol`. tls: for HTTPS.
    """
    return uvicorn.Config(
        app,
        loop="auto",
        http=DeadlineProtocol,
        ws="websockets-sansio",
        ws_max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
        ws_ping_interval=5.0,
        ws_ping_timeout=10.0,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        limit_concurrency=512,
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )


class _Uvicorn(uvicorn.Server):
    """uvicorn that reports when it has started and closes the sessions before the sockets."""

    def __init__(self, config: uvicorn.Config, server: ClosableApp, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._server = server
        self._on_started = on_started

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by the signal: everything has to end by now (`exit_deadline`)."""
        exit_deadline.begin()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._server.close()
        asyncio.get_running_loop().call_later(DRAIN_TIMEOUT_S, self._abort_connections)
        await super().shutdown(sockets)

    def _abort_connections(self) -> None:
        """Close what is still open, before uvicorn cancels its tasks, which logs a traceback for each."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def page_url(settings: Settings, listening: socket.socket) -> str:
    """The URL of the page, with the token if one is set.

    If the server listens on all addresses it is localhost, since browsers allow the camera on localhost and HTTPS only.
    """
    everywhere = settings.host in ("0.0.0.0", "::")
    host = "localhost" if everywhere or is_loopback_host(settings.host) else settings.host
    return url_of(settings, host, listening)


def url_of(settings: Settings, host: str, listening: socket.socket) -> str:
    """The URL of the page under one of this machine's names or addresses, with the token if one is set."""
    token = "" if settings.token is None else f"?token={quote(settings.token)}"
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.https else 'http'}://{name}:{listening.getsockname()[1]}/{token}"


def is_loopback_host(host: str) -> bool:
    """Whether a server that listens on this host is reached from its own machine alone."""
    return host in ("localhost", "::1") or host.startswith("127.")
