"""A UDP port for other programs: who is heard, what is dropped, and what the log says of it."""

from __future__ import annotations

import logging
import math
import random
import socket
import tracemalloc
from contextlib import closing

import pytest

from streamer.osc import osc_server
from streamer.osc.osc_packet import DatagramError, encode
from streamer.osc.osc_server import DatagramPort, OnDatagram, PortError, Source, find_address, open_port, osc_messages
from streamer.runtime.token_bucket import Rate

HERE: Source = ("127.0.0.1", 5000)
UNLIMITED = Rate(1e9, 1e9)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def port_alone(on_datagram: OnDatagram, loopback_only: bool = True, each: Rate = UNLIMITED) -> DatagramPort:
    return DatagramPort(("127.0.0.1" if loopback_only else "0.0.0.0", 5000), on_datagram, each, Clock())


@pytest.fixture
def told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is told of each kind of fault once, however long a test takes."""
    monkeypatch.setattr(osc_server, "TELL_PERIOD_S", math.inf)


@pytest.mark.usefixtures("told_once")
def test_damage_is_dropped_and_what_follows_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    chance, heard = random.Random(20), []
    port = port_alone(osc_messages(lambda address, *_: heard.append(address)))
    for _ in range(300):
        port.take(chance.randbytes(chance.randrange(64)), HERE)
        port.take(b"#bundle\0" + chance.randbytes(chance.randrange(9, 64)), HERE)
    port.take(encode("/kagami/release"), HERE)
    assert heard == ["/kagami/release"] and port.dropped == 600
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "A datagram from 127.0.0.1 for UDP port 5000 is dropped: it is not understood" in caplog.text


@pytest.mark.usefixtures("told_once")
def test_what_breaks_costs_one_datagram_alone(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[bytes] = []

    def on_datagram(datagram: bytes, source: Source) -> None:
        if datagram == b"break":
            raise KeyError(datagram)
        heard.append(datagram)

    port = port_alone(on_datagram)
    for datagram in (b"break", b"break", b"go on"):
        port.take(datagram, HERE)
    assert heard == [b"go on"] and port.dropped == 2
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.usefixtures("told_once")
def test_a_flood_is_dropped_and_leaves_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[bytes] = []
    port = port_alone(lambda datagram, _: heard.append(datagram), each=Rate(50, 1e-6))
    flood = bytes(1000)
    tracemalloc.start()
    try:
        for _ in range(20_000):
            port.take(flood, HERE)
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(heard) == 50 and port.dropped == 19_950
    assert grown < 100_000  # bytes
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_one_address_does_not_use_up_the_rate_of_another_and_all_have_one() -> None:
    heard: list[str] = []
    port = port_alone(lambda _, source: heard.append(source[0]), False, Rate(10, 1))
    for host in ("192.0.2.1", "192.0.2.2"):
        for _ in range(100):
            port.take(b"x", (host, 1))
    assert [heard.count(host) for host in ("192.0.2.1", "192.0.2.2")] == [10, 10]
    for number in range(1000):  # addresses that are made up
        port.take(b"x", (f"198.51.{number // 250}.{number % 250}", 1))
    assert len(heard) == 10 * osc_server.TOTAL_OF_EACH
    assert len(port._buckets) == osc_server.MAX_SOURCES


def test_datagrams_count_by_their_size_where_they_take_time_in_proportion() -> None:
    heard: list[int] = []
    port = DatagramPort(HERE, lambda datagram, _: heard.append(len(datagram)), Rate(100, 1), Clock(), piece=256)
    for size in (8 * 1024, 255):
        for _ in range(100):
            port.take(bytes(size), HERE)
    assert heard.count(8 * 1024) == 4 and heard.count(255) == 0  # 33 each, the last one on credit
    port = DatagramPort(HERE, lambda datagram, _: heard.append(len(datagram)), Rate(100, 1), Clock(), piece=256)
    for _ in range(200):
        port.take(bytes(255), HERE)
    assert heard.count(255) == 100


def test_large_datagrams_are_dropped() -> None:
    heard: list[bytes] = []
    port = port_alone(lambda datagram, _: heard.append(datagram))
    port.take(bytes(osc_server.MAX_DATAGRAM_BYTES + 1), HERE)
    port.take(bytes(osc_server.MAX_DATAGRAM_BYTES), HERE)
    assert (len(heard), port.dropped) == (1, 1)


@pytest.mark.parametrize(
    ("source", "loopback_only", "is_heard"),
    [
        ("127.0.0.1", True, True),
        ("127.8.9.1", True, True),
        ("::1", True, True),
        ("192.0.2.1", True, False),
        ("fe80::1%eth0", True, False),
        ("nonsense", True, False),
        ("192.0.2.1", False, True),
    ],
)
def test_a_loopback_port_hears_this_machine_alone(source: str, loopback_only: bool, is_heard: bool) -> None:
    heard: list[bytes] = []
    port = port_alone(lambda datagram, _: heard.append(datagram), loopback_only)
    port.take(b"x", (source, 5000, 0, 0))
    assert bool(heard) == is_heard


def test_the_log_is_told_of_each_kind_of_fault_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()

    def refuse(datagram: bytes, source: Source) -> None:
        raise DatagramError("it has no head")

    port = DatagramPort(HERE, refuse, UNLIMITED, clock)
    for _ in range(3):
        port.take(b"x", HERE)
        port.take(b"x", ("192.0.2.1", 1))
    assert len(caplog.records) == 2
    clock.now += osc_server.TELL_PERIOD_S
    port.take(b"x", HERE)
    assert len(caplog.records) == 3 and "since it has no head." in caplog.records[2].getMessage()


def test_a_name_with_both_kinds_of_addresses_is_one_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(family, socket.SOCK_DGRAM, 17, "", (host, 9)) for family, host in ((10, "::1"), (2, "127.0.0.1"))]
    monkeypatch.setattr(osc_server.socket, "getaddrinfo", lambda *_, **__: found)
    assert find_address("localhost", 9) == (2, ("127.0.0.1", 9))
    del found[1]
    assert find_address("localhost", 9) == (10, ("::1", 9))


def test_a_port_that_cannot_be_had_is_a_sentence() -> None:
    with closing(open_port("--osc", "127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(PortError) as caught:
            open_port("--osc", "127.0.0.1", number)
        assert str(caught.value) == (
            f"UDP port {number} on 127.0.0.1 is already in use: stop the other program or choose another --osc."
        )
    with pytest.raises(PortError, match=r"--osc cannot listen on 192\.0\.2\.1 port 39540 \(.*\): choose another\."):
        open_port("--osc", "192.0.2.1", 39540)
    with pytest.raises(PortError, match=r"--osc cannot listen on a\.\.b \(.*\): give an address of this machine\."):
        open_port("--osc", "a..b", 39540)
