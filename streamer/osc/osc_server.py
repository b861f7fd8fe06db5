"""A UDP port for other programs: datagrams, or the OSC messages in them, at a bounded rate.

Whoever sends too much, too large or what is no OSC is dropped at little cost, and the console says so now and then.

    bound = open_port("--osc", "127.0.0.1", 39540)  # early, so that a taken port is told at once
    thread = DatagramThread("osc")
    thread.add(bound, DatagramPort(bound.getsockname(), osc_messages(on_message)))
    thread.start()
"""

from __future__ import annotations

import errno
import logging
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

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


def osc_messages(on_message: OnMessage) -> OnDatagram:
    """For `DatagramPort`: calls `on_message` with each OSC message of a datagram. One that is no OSC has none."""

    def on_datagram(datagram: bytes, source: Source) -> None:
        for address, arguments in decode(datagram):
            on_message(address, arguments, source)

    return on_datagram


class DatagramPort:
    """Has a function called with those datagrams of a port that are to be heard.

    address: where the port is bound; at a loopback address nothing from elsewhere is taken. each: how often one address
    may send; all together TOTAL_OF_EACH times that. largest: bytes of a datagram. piece: bytes; for each so many of its
    own a datagram counts as one more, since it takes time in proportion. `on_datagram` may raise DatagramError for what
    it cannot read; that, as whatever else it raises, costs this datagram alone.

    dropped: datagrams that nobody was called with.
    """

    def __init__(
        self,
        address: tuple[Any, ...],
        on_datagram: OnDatagram,
        each: Rate = EACH,
        clock: Callable[[], float] = time.monotonic,
        largest: int = MAX_DATAGRAM_BYTES,
        piece: int = MAX_DATAGRAM_BYTES,
    ) -> None:
        self.dropped = 0
        self.largest = largest
        self._on_datagram = on_datagram
        self._number = int(address[1])
        self._loopback_only = is_loopback(address[0])
        self._each = each
        self._piece = piece
        self._clock = clock
        self._total = TokenBucket(Rate(TOTAL_OF_EACH * each.burst, TOTAL_OF_EACH * each.per_s), clock)
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._told_at: dict[str, float] = {}  # by kind of fault, of which there are five

    def take(self, data: bytes, address: tuple[Any, ...]) -> None:
        """Take a datagram; the same work for each that is dropped, however large. address: of who sent it."""
        source = (str(address[0]), int(address[1]))
        if self._loopback_only and not _is_loopback(source[0]):
            self._drop("it comes from another machine", source)
        elif not self._may_send(source[0], 1 + len(data) // self._piece):
            self._drop(f"more than {self._each.per_s:g} come in a second", source)
        elif len(data) > self.largest:
            self._drop(f"it is larger than {self.largest / 1024:g} KiB", source)
        else:
            self._receive(data, source)

    def _receive(self, data: bytes, source: Source) -> None:
        try:
            self._on_datagram(data, source)
        except DatagramError as error:
            self._drop(f"it is not understood, since {error}", source, "not understood")
        except Exception:  # the thread's boundary
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
            _log.warning("A datagram from %s for UDP port %s is dropped: %s.", source[0], self._number, why)

    def _is_due(self, kind: str) -> bool:
        now = self._clock()
        if now - self._told_at.get(kind, -TELL_PERIOD_S) < TELL_PERIOD_S:
            return False
        self._told_at[kind] = now
        return True


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is not a name or an IP address"
