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
from streamer.server.certificate import machine_addresses
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

    print_line: called with the address to open, once the server answers there. tls: for HTTPS on the socket; this
    machine itself is then served by HTTP on a loopback port, whose address needs no trust in the certificate.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    own = listening if tls is None else _bind_loopback(listening.getsockname()[1] + 1)

    def tell() -> None:
        if tls is not None:
            print_line(f"by HTTPS {others_url(settings, listening)}")
        print_line(f"open {page_url(settings, own)}   (Ctrl-C stops)")

    web = _Uvicorn(serve_config(server.app, tls), server, tell, None if tls is None else own)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has stopped
        web.run([listening])


def _bind_loopback(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1, on this port if it is free, or else on another one."""
    own = socket.socket()
    if os.name != "nt":
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        own.bind(("127.0.0.1", port))
    except (OSError, OverflowError):
        own.bind(("127.0.0.1", 0))
    own.listen(128)
    return own


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
    """uvicorn that reports when it has started and closes the sessions before the sockets.

    plain: a further socket, which is served without TLS.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        server: ClosableApp,
        on_started: Callable[[], None],
        plain: socket.socket | None = None,
    ) -> None:
        super().__init__(config)
        self._server = server
        self._on_started = on_started
        self._plain = plain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by the signal: everything has to end by now (`exit_deadline`)."""
        exit_deadline.begin()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._plain is not None:
            self.servers.append(
                await asyncio.get_running_loop().create_server(self._plain_connection, sock=self._plain)
            )
        self._on_started()

    def _plain_connection(self) -> asyncio.Protocol:
        protocol: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._server.close()
        asyncio.get_running_loop().call_later(DRAIN_TIMEOUT_S, self._abort_connections)
        await super().shutdown(sockets)

    def _abort_connections(self) -> None:
        """Close what is still open, before uvicorn cancels its tasks, which logs a traceback for each."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def page_url(settings: Settings, listening: socket.socket) -> str:
    """The URL of the page for this machine, with the token if one is set.

    If the server listens on all addresses it is localhost, since browsers allow the camera on localhost and HTTPS only.
    With HTTPS it is localhost as well, on the socket that `run` serves without it.
    """
    own = settings.https or settings.host in ("0.0.0.0", "::", "127.0.0.1", "::1")
    return _url("http", "localhost" if own else settings.host, listening, settings.token)


def others_url(settings: Settings, listening: socket.socket) -> str:
    """The URL of the page by HTTPS, with the token if one is set, under an address that other machines reach."""
    everywhere = settings.host in ("0.0.0.0", "::")
    return _url("https", machine_addresses()[0] if everywhere else settings.host, listening, settings.token)


def _url(scheme: str, host: str, listening: socket.socket, token: str | None) -> str:
    name = f"[{host}]" if ":" in host else host
    query = "" if token is None else f"?token={quote(token)}"
    return f"{scheme}://{name}:{listening.getsockname()[1]}/{query}"


def is_loopback_host(host: str) -> bool:
    """Whether a server that listens on this host is reached from its own machine alone."""
    return host in ("localhost", "::1") or host.startswith("127.")
