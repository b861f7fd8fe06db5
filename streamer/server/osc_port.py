"""The control API over OSC: `--osc`. What a message may say is in `streamer/osc/osc_controls.py`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streamer.addresses import is_loopback
from streamer.osc.datagram_thread import DatagramThread
from streamer.osc.osc_controls import OscControls
from streamer.osc.osc_packet import Argument
from streamer.osc.osc_server import DatagramPort, Source, osc_messages
from streamer.runtime.token_bucket import Rate
from streamer.server.control_api import Caller, ControlApi
from streamer.server.control_api_calls import parse_call
from streamer.server.rate_limits import RateLimiters

HOLDER = "osc"  # holds the faces of all OSC messages, since UDP has no connection that ends
EACH = Rate(240, 120)  # datagrams of one address, in a burst and in a second
MAX_BYTES = 2048  # of a datagram; an address and a mood have a tenth of that


class OscPort:
    """A door of the control API, open from `start` to `close`. bound: its socket. tell: called with console lines.

    OSC has no passwords: whoever may send to the socket may do everything, see `osc_sentences`.
    """

    def __init__(
        self, bound: socket.socket, api: ControlApi, limiters: RateLimiters, tell: Callable[[str], None]
    ) -> None:
        self._api = api
        self._limiters = limiters
        self._controls = OscControls(parse_call, self._call, tell)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._port = DatagramPort(bound.getsockname(), osc_messages(self._receive), EACH, largest=MAX_BYTES)
        self._thread = DatagramThread("osc")
        self._thread.add(bound, self._port)

    @property
    def dropped(self) -> int:
        """Datagrams that were dropped so far."""
        return self._port.dropped

    async def start(self) -> None:
        """Listen from now on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Hear nothing any more, and end the faces that are held; may be called again."""
        self._thread.close()
        await self._controls.close()
        self._api.release_holder(HOLDER)

    def _receive(self, address: str, arguments: Sequence[Argument], source: Source) -> None:
        """Have the event loop do what a message says. Called in the thread that reads."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._controls.receive, address, arguments, source)

    async def _call(self, do: str, fields: Mapping[str, Any]) -> object:
        if do != "control":  # whose rate `OscControls` bounds without losing the last one
            self._limiters.calls.reserve(HOLDER)
        return await self._api.call(do, fields, Caller(HOLDER, HOLDER))


def osc_sentences(bound: socket.socket, has_token: bool) -> list[str]:
    """What whoever starts the server is told of a port: where it is, and who can use it that else could not."""
    host, port = bound.getsockname()[:2]
    lines = [f"OSC controls at UDP port {port} of {'this machine' if is_loopback(host) else host}: docs/osc.md"]
    if not is_loopback(host):
        lines.append("whoever reaches the OSC port controls every session, since OSC has no passwords")
    elif has_token:
        lines.append("programs of this machine need no token at the OSC port, since OSC has no passwords")
    return lines
