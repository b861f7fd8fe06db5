"""A UDP port for other programs on the event loop: datagrams, or the OSC messages in them, at a bounded rate.

Whoever sends too much, too large or what is no OSC is dropped at little cost, and the console says so now and then.

    bound = open_port("--osc", "127.0.0.1", 39540)             # early, so that a taken port is told at once
    port = await listen(bound, osc_messages(on_message))       # later, on the event loop
    port.close()
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, cast

from streamer.addresses import is_loopback
from streamer.errors import KagamiError
from streamer.osc.osc_packet import Argument, DatagramError, decode
from streamer.runtime.token_bucket import Rate, TokenBucket

Source = tuple[str, int]  # IP address and port
OnDatagram = Callable[[bytes, Source], None]
OnMessage = Callable[[str, Sequence[Argument], Source], None]

MAX_DATAGRAM_BYTES = 8 * 1024
MAX_SOURCES = 64  # addresses with a rate of their own; the least recently active ones are forgotten
TOTAL_OF_EACH = 4  # all addresses together may send so many times what one may
EACH = Rate(1000, 1000)  # datagrams of one address: a tracker that sends 60 times a second, in several datagrams each
TELL_PERIOD_S = 10.0  # between two lines of the log about the same kind of fault
_is_loopback = lru_cache(MAX_SOURCES)(is_loopback)  # asked of each datagram
_log = logging.getLogger(__name__)


class PortError(KagamiError):
    """A UDP port cannot be listened on."""

    code = "address"


def open_port(flag: str, host: str, port: int) -> socket.socket:
    """A bound UDP socket. flag: the setting that names the port, for the sentence. Raises PortError."""
    try:
        family, address = find_address(host, port)
        bound = socket.socket(family, socket.SOCK_DGRAM)
    except (OSError, ValueError) as error:
        raise PortError(
            f"{flag} cannot listen on {host} ({_reason(error)}): give an address of this machine."
        ) from error
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where two programs could share the port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        bound.bind(address)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            sentence = f"UDP port {port} on {host} is already in use: stop the other program or choose another {flag}."
            raise PortError(sentence) from error
        raise PortError(f"{flag} cannot listen on {host} port {port} ({_reason(error)}): choose another.") from error
    return bound


def find_address(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """A family of addresses, and the address of a host for UDP in it: of IPv4 where there is one, since a name such as
    localhost has both and these programs seldom know the other. Raises OSError, and ValueError for a name that cannot
    be encoded.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    family, *_, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, address


async def listen(
    bound: socket.socket,
    on_datagram: OnDatagram,
    each: Rate = EACH,
    clock: Callable[[], float] = time.monotonic,
    largest: int = MAX_DATAGRAM_BYTES,
    piece: int = MAX_DATAGRAM_BYTES,
) -> DatagramPort:
    """Call `on_datagram` on the running loop with what arrives at a socket of `open_port`, which the port then owns.

    each: how often one address may send; all together TOTAL_OF_EACH times that. largest: bytes of a datagram.
    piece: bytes; for each so many of its own a datagram counts as one more, since it takes time in proportion. A
    socket bound to a loopback address takes nothing from elsewhere. `on_datagram` may raise DatagramError for what it
    cannot read; that, as whatever else it raises, costs this datagram alone.
    """
    host = bound.getsockname()[0]
    _, port = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: DatagramPort(on_datagram, is_loopback(host), each, clock, largest, piece), sock=bound
    )
    return port


def osc_messages(on_message: OnMessage) -> OnDatagram:
    """For `listen`: calls `on_message` with each OSC message of a datagram. One that is no OSC has none."""

    def on_datagram(datagram: bytes, source: Source) -> None:
        for address, arguments in decode(datagram):
            on_message(address, arguments, source)

    return on_datagram


class DatagramPort(asyncio.DatagramProtocol):
    """A port that `listen` opened. dropped: datagrams that nobody was called with. address: its host and number."""

    def __init__(
        self,
        on_datagram: OnDatagram,
        loopback_only: bool,
        each: Rate,
        clock: Callable[[], float],
        largest: int = MAX_DATAGRAM_BYTES,
        piece: int = MAX_DATAGRAM_BYTES,
    ) -> None:
        self.dropped = 0
        self.address: Source = ("", 0)
        self._on_datagram = on_datagram
        self._loopback_only = loopback_only
        self._each = each
        self._largest = largest
        self._piece = piece
        self._clock = clock
        self._total = TokenBucket(Rate(TOTAL_OF_EACH * each.burst, TOTAL_OF_EACH * each.per_s), clock)
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._told_at: dict[str, float] = {}  # by kind of fault, of which there are five
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.address = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Called for each datagram; the same work for each that is dropped, however large."""
        source = (str(addr[0]), int(addr[1]))
        if self._loopback_only and not _is_loopback(source[0]):
            self._drop("it comes from another machine", source)
        elif not self._may_send(source[0], 1 + len(data) // self._piece):
            self._drop(f"more than {self._each.per_s:g} come in a second", source)
        elif len(data) > self._largest:
            self._drop(f"it is larger than {self._largest / 1024:g} KiB", source)
        else:
            self._receive(data, source)

    def error_received(self, exc: Exception) -> None:
        """What the system says of earlier datagrams concerns nobody who only receives."""

    def close(self) -> None:
        """Receive nothing any more, and close the socket. Idempotent."""
        if self._transport is not None:
            self._transport.abort()

    def _receive(self, data: bytes, source: Source) -> None:
        try:
            self._on_datagram(data, source)
        except DatagramError as error:
            self._drop(f"it is not understood, since {error}", source, "not understood")
        except Exception:  # asyncio would close the port
            self.dropped += 1
            if self._is_due("broken"):
                _log.exception("a datagram of another program broke something")

    def _may_send(self, host: str, count: int) -> bool:
        """Count one datagram of an address as so many, if that may send one now."""
        bucket = self._buckets.get(host)
        if bucket is None:
            bucket = self._buckets[host] = TokenBucket(self._each, self._clock)
            if len(self._buckets) > MAX_SOURCES:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(host)
        if bucket.wait_s() > 0 or self._total.wait_s() > 0:
            return False
        bucket.take(count)
        self._total.take(count)
        return True

    def _drop(self, why: str, source: Source, kind: str = "") -> None:
        self.dropped += 1
        if self._is_due(kind or why):
            _log.warning("A datagram from %s for UDP port %s is dropped: %s.", source[0], self.address[1], why)

    def _is_due(self, kind: str) -> bool:
        now = self._clock()
        if now - self._told_at.get(kind, -TELL_PERIOD_S) < TELL_PERIOD_S:
            return False
        self._told_at[kind] = now
        return True


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is not a name or an IP address"
