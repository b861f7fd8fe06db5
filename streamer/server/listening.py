"""The socket that the server listens on, and the loop that serves it."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
from collections.abc import Callable
from typing import Protocol
from urllib.parse import quote

import uvicorn
from starlette.types import ASGIApp

from streamer.errors import AddressError, PortInUseError
from streamer.settings import Settings

MAX_FRAME = (
    256 * 1024
)  # bytes of a WebSocket message; what is over the protocol's own limit but below this gets an answer


class Served(Protocol):
    """An application whose conversations must end before its sockets do."""

    @property
    def app(self) -> ASGIApp: ...

    async def close(self) -> None: ...


def bind(settings: Settings) -> socket.socket:
    """A socket bound to the wanted address. Raises PortInUseError, AddressError."""
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise AddressError(settings.host, settings.port, error.strerror or str(error)) from error
    if os.name != "nt":  # elsewhere it would let two servers share the port
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


def run(server: Served, settings: Settings, listening: socket.socket, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; say the address once it does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    web = _Uvicorn(
        serve_config(server.app), server, lambda: say(f"open {address(settings, listening)}   (Ctrl-C stops)")
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has stopped
        web.run([listening])


def serve_config(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves: uvloop where there is one, no chatter, dead pages found within 15 seconds."""
    return uvicorn.Config(
        app,
        loop="auto",
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME,
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
    )


class _Uvicorn(uvicorn.Server):
    """uvicorn, which says when it serves and lets sessions end before the sockets do."""

    def __init__(self, config: uvicorn.Config, server: Served, on_serving: Callable[[], None]) -> None:
        super().__init__(config)
        self._server = server
        self._on_serving = on_serving

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_serving()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._server.close()
        await super().shutdown(sockets)


def address(settings: Settings, listening: socket.socket) -> str:
    """The URL to open: localhost where the server listens everywhere, since browsers give a camera to localhost or
    HTTPS only.
    """
    host = "localhost" if settings.host in ("0.0.0.0", "::", "127.0.0.1", "::1") else settings.host
    token = "" if settings.token is None else f"?token={quote(settings.token)}"
    return f"http://{host}:{listening.getsockname()[1]}/{token}"
