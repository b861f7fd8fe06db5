"""The listening socket, and uvicorn, which serves the application on it. Imports no torch: see run_server.py."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Protocol
from urllib.parse import quote

import uvicorn
from starlette.types import ASGIApp

from streamer.errors import AddressError, PortInUseError
from streamer.runtime import exit_deadline
from streamer.runtime.end_signals import end_as_ctrl_c_does
from streamer.server.browser import PageOpener
from streamer.server.certificate import machine_addresses
from streamer.server.http_deadlines import DeadlineProtocol
from streamer.settings import Settings

# A larger WebSocket message closes the connection; one above the protocol's own 64 KiB is answered by an error.
MAX_WEBSOCKET_MESSAGE_BYTES = 256 * 1024
# Windows' own loop gives up a UDP socket once a peer's port is closed, in Python before 3.13 (CPython issue 91227).
_LOOP = "asyncio:SelectorEventLoop" if sys.platform == "win32" else "auto"
DRAIN_TIMEOUT_S = 1.0  # for responses that are under way when the server ends
_EVERYWHERE = ("0.0.0.0", "::")  # hosts with which a server listens on all addresses
_ELSEWHERE = ("192.0.2.1", 9)  # an address of no network (RFC 5737), to which nothing is sent


class ClosableApp(Protocol):
    """An ASGI application that begins on the event loop, and has conversations that must be closed before its sockets,
    such as `app.Server`.
    """

    @property
    def app(self) -> ASGIApp: ...

    async def start(self) -> None: ...

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
    _claim_port(listening)
    try:
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(settings.host, settings.port) from error
        raise AddressError(settings.host, settings.port, error.strerror or str(error)) from error
    return listening


def _claim_port(unbound: socket.socket, options: ModuleType = socket) -> None:
    """Let no other program listen on the port of this socket, and a new start use it at once. options: the module
    `socket`, of another system in tests.
    """
    if hasattr(options, "SO_EXCLUSIVEADDRUSE"):  # Windows, where the other option would let two servers share the port
        unbound.setsockopt(options.SOL_SOCKET, options.SO_EXCLUSIVEADDRUSE, 1)
    else:
        unbound.setsockopt(options.SOL_SOCKET, options.SO_REUSEADDR, 1)


def run(
    server: ClosableApp,
    settings: Settings,
    listening: socket.socket,
    print_line: Callable[[str], None],
    tls: ssl.SSLContext | None = None,
    show_page: PageOpener | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM, after which `exit_deadline` runs.

    print_line: called with the address to open, once the server answers there. tls: for HTTPS on the socket; this
    machine itself is then served by HTTP on a loopback port, whose address needs no trust in the certificate.
    show_page: shows that address where no page has come by itself.
    """
    end_as_ctrl_c_does()
    own = listening if tls is None else _bind_loopback(listening.getsockname()[1] + 1)

    def tell() -> None:
        for line in network_lines(settings, listening):
            print_line(line)
        print_line(f"open {page_url(settings, own)}   (Ctrl-C stops)")
        if show_page is not None:
            asyncio.get_running_loop().call_later(show_page.delay_s, show, show_page)

    def show(show_page: PageOpener) -> None:
        if not web.is_visited:
            show_page(page_url(settings, own))

    web = _Uvicorn(serve_config(server.app, tls), server, tell, None if tls is None else own)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has stopped
        web.run([listening])


def _bind_loopback(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1, on this port if it is free, or else on another one."""
    own = socket.socket()
    _claim_port(own)
    try:
        own.bind(("127.0.0.1", port))
    except (OSError, OverflowError):
        own.bind(("127.0.0.1", 0))
    own.listen(128)
    return own


def serve_config(app: ASGIApp, tls: ssl.SSLContext | None = None) -> uvicorn.Config:
    """uvicorn's options: uvloop where it is installed (not on Windows), no access log, dead WebSockets closed within 15
    seconds, slow requests closed by `DeadlineProtocol`. tls: for HTTPS.
    """
    return uvicorn.Config(
        app,
        loop=_LOOP,
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

    @property
    def is_visited(self) -> bool:
        """Whether anybody is connected, or has asked for anything."""
        return bool(self.server_state.connections) or self.server_state.total_requests > 0

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
        await self._server.start()
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
    own = settings.https or settings.host in (*_EVERYWHERE, "127.0.0.1", "::1")
    return _url("http", "localhost" if own else settings.host, listening, settings.token)


def others_url(settings: Settings, listening: socket.socket) -> str:
    """The URL of the page for other machines, with the token if one is set, under an address that they reach."""
    host = network_address() if settings.host in _EVERYWHERE else settings.host
    return _url("https" if settings.https else "http", host, listening, settings.token)


def network_lines(settings: Settings, listening: socket.socket) -> list[str]:
    """What whoever starts the server is told of other machines: their address, who may come, and what they lack."""
    if is_loopback_host(settings.host):
        return []
    lines = [f"in your network {others_url(settings, listening)}"]
    if settings.token is None:
        lines.append("it is open to everybody in this network: start with --token WORD to let in who knows the word")
    if not settings.https and not settings.allow_origin:
        lines.append("by HTTP other machines give no camera: start with --https, too")
    return lines


def network_address() -> str:
    """The IP address under which other machines reach this one: that of the network that leads outside, where there is
    one, and not of a bridge to containers.
    """
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unsent:
        unsent.connect(_ELSEWHERE)  # of a datagram socket chooses its own address, and sends nothing
        return str(unsent.getsockname()[0])
    return machine_addresses()[0]


def _url(scheme: str, host: str, listening: socket.socket, token: str | None) -> str:
    name = f"[{host}]" if ":" in host else host
    query = "" if token is None else f"?token={quote(token)}"
    return f"{scheme}://{name}:{listening.getsockname()[1]}/{query}"


def is_loopback_host(host: str) -> bool:
    """Whether a server that listens on this host is reached from its own machine alone."""
    return host in ("localhost", "::1") or host.startswith("127.")
