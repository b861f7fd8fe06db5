"""A UDP port for other programs over real sockets: who is heard, what is dropped, and what the log says of it."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import socket
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

import pytest

from streamer.osc import osc_server
from streamer.osc.osc_packet import DatagramError, encode
from streamer.osc.osc_server import DatagramPort, OnDatagram, PortError, Source, listen, open_port, osc_messages
from streamer.runtime.token_bucket import Rate
from tests.support.leaks import udp_sockets, unhandled_errors

PATIENCE_S = 20.0
HERE: Source = ("127.0.0.1", 5000)
UNLIMITED = Rate(1e9, 1e9)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def port_for(
    on_datagram: OnDatagram, each: Rate = UNLIMITED
) -> AsyncIterator[tuple[DatagramPort, socket.socket]]:
    """A port, and a socket connected to it."""
    port = await listen(open_port("--osc", "127.0.0.1", 0), on_datagram, each)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.connect(port.address)
        try:
            yield port, sender
        finally:
            port.close()
            await asyncio.sleep(0)  # in which the transport closes its socket


@pytest.fixture
def told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is told of each kind of fault once, however long a test takes."""
    monkeypatch.setattr(osc_server, "TELL_PERIOD_S", math.inf)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def test_messages_arrive_with_their_arguments_and_their_source() -> None:
    heard: list[tuple[object, ...]] = []
    before = udp_sockets()
    async with port_for(osc_messages(lambda *message: heard.append(message))) as (_, sender):
        sender.send(encode("/kagami/act", "smile", 2.5, True))
        await until(lambda: heard)
        assert heard == [("/kagami/act", ("smile", 2.5, True), sender.getsockname())]
    await until(lambda: udp_sockets() == before)


async def test_plain_datagrams_arrive_as_they_are() -> None:
    heard: list[bytes] = []
    async with port_for(lambda datagram, _: heard.append(datagram)) as (_, sender):
        sender.send(b"iFacialMocap")
        await until(lambda: heard == [b"iFacialMocap"])


@pytest.mark.usefixtures("told_once")
async def test_damage_is_dropped_and_what_follows_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    chance, heard = random.Random(20), []
    with unhandled_errors() as errors:
        async with port_for(osc_messages(lambda address, *_: heard.append(address))) as (port, sender):
            for sent in range(40, 601, 40):  # so few that the system keeps all of them
                for _ in range(20):
                    sender.send(chance.randbytes(chance.randrange(64)))
                    sender.send(b"#bundle\0" + chance.randbytes(chance.randrange(9, 64)))
                await until(lambda sent=sent: port.dropped == sent)
            sender.send(encode("/kagami/release"))
            await until(lambda: heard == ["/kagami/release"])
    assert errors == [] and [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"A datagram from 127.0.0.1 for UDP port {port.address[1]} is dropped: it is not understood" in caplog.text


@pytest.mark.usefixtures("told_once")
async def test_what_breaks_costs_one_datagram_alone(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[bytes] = []

    def on_datagram(datagram: bytes, source: Source) -> None:
        if datagram == b"break":
            raise KeyError(datagram)
        heard.append(datagram)

    with unhandled_errors() as errors:
        async with port_for(on_datagram) as (port, sender):
            for datagram in (b"break", b"break", b"go on"):
                sender.send(datagram)
            await until(lambda: heard == [b"go on"])
            assert port.dropped == 2
    assert errors == [] and [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.usefixtures("told_once")
async def test_a_flood_is_dropped_and_leaves_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[bytes] = []
    async with port_for(lambda datagram, _: heard.append(datagram), Rate(50, 1e-6)) as (port, sender):
        flood = bytes(1000)
        tracemalloc.start()
        try:
            for _ in range(20_000):
                port.datagram_received(flood, HERE)
            grown = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert len(heard) == 50 and port.dropped == 19_950
        assert grown < 100_000  # bytes
        for index in range(2000):  # the same over the socket, of which the system drops what is not read in time
            sender.send(flood)
            if index % 50 == 0:
                await asyncio.sleep(0)
        await until(lambda: port.dropped > 19_950)
        assert len(heard) == 50
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def port_alone(on_datagram: OnDatagram, loopback_only: bool = True, each: Rate = UNLIMITED) -> DatagramPort:
    return DatagramPort(on_datagram, loopback_only, each, Clock())


def test_one_address_does_not_use_up_the_rate_of_another_and_all_have_one() -> None:
    heard: list[str] = []
    port = port_alone(lambda _, source: heard.append(source[0]), False, Rate(10, 1))
    for host in ("192.0.2.1", "192.0.2.2"):
        for _ in range(100):
            port.datagram_received(b"x", (host, 1))
    assert [heard.count(host) for host in ("192.0.2.1", "192.0.2.2")] == [10, 10]
    for number in range(1000):  # addresses that are made up
        port.datagram_received(b"x", (f"198.51.{number // 250}.{number % 250}", 1))
    assert len(heard) == 10 * osc_server.TOTAL_OF_EACH
    assert len(port._buckets) == osc_server.MAX_SOURCES


def test_datagrams_count_by_their_size_where_they_take_time_in_proportion() -> None:
    heard: list[int] = []
    port = DatagramPort(lambda datagram, _: heard.append(len(datagram)), True, Rate(100, 1), Clock(), piece=256)
    for size in (8 * 1024, 255):
        for _ in range(100):
            port.datagram_received(bytes(size), HERE)
    assert heard.count(8 * 1024) == 4 and heard.count(255) == 0  # 33 each, the last one on credit
    port = DatagramPort(lambda datagram, _: heard.append(len(datagram)), True, Rate(100, 1), Clock(), piece=256)
    for _ in range(200):
        port.datagram_received(bytes(255), HERE)
    assert heard.count(255) == 100


def test_large_datagrams_are_dropped() -> None:
    heard: list[bytes] = []
    port = port_alone(lambda datagram, _: heard.append(datagram))
    port.datagram_received(bytes(osc_server.MAX_DATAGRAM_BYTES + 1), HERE)
    port.datagram_received(bytes(osc_server.MAX_DATAGRAM_BYTES), HERE)
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
    port.datagram_received(b"x", (source, 5000, 0, 0))
    assert bool(heard) == is_heard


def test_the_log_is_told_of_each_kind_of_fault_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()

    def refuse(datagram: bytes, source: Source) -> None:
        raise DatagramError("it has no head")

    port = DatagramPort(refuse, True, UNLIMITED, clock)
    for _ in range(3):
        port.datagram_received(b"x", HERE)
        port.datagram_received(b"x", ("192.0.2.1", 1))
    assert len(caplog.records) == 2
    clock.now += osc_server.TELL_PERIOD_S
    port.datagram_received(b"x", HERE)
    assert len(caplog.records) == 3 and "since it has no head." in caplog.records[2].getMessage()


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
