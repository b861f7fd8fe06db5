"""Sockets that a thread reads: what arrives, what a flood costs, and how it ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from streamer.osc.datagram_thread import DROPPED_AT_ONCE, MAX_AT_ONCE, DatagramThread, is_flooded
from streamer.osc.osc_packet import encode
from streamer.osc.osc_server import DatagramPort, OnDatagram, Source, open_port, osc_messages
from streamer.runtime.token_bucket import Rate
from tests.support.engines import until
from tests.support.leaks import udp_sockets

FREELY = Rate(1e9, 1e9)


@contextmanager
def bound_port(on_datagram: OnDatagram, each: Rate = FREELY) -> Iterator[tuple[socket.socket, DatagramPort]]:
    with closing(open_port("--osc", "127.0.0.1", 0)) as bound:
        yield bound, DatagramPort(bound.getsockname(), on_datagram, each)


@contextmanager
def sender_to(bound: socket.socket) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.connect(bound.getsockname())
        yield sender


def test_datagrams_arrive_at_each_port_until_all_are_closed() -> None:
    before, threads = udp_sockets(), threading.active_count()
    heard: list[tuple[object, ...]] = []
    plain: list[tuple[bytes, Source]] = []
    with (
        bound_port(osc_messages(lambda *message: heard.append(message))) as one,
        bound_port(lambda datagram, source: plain.append((datagram, source))) as other,
        sender_to(one[0]) as first,
        sender_to(other[0]) as second,
    ):
        thread = DatagramThread("test")
        thread.add(*one)
        thread.add(*other)
        thread.start()
        first.send(encode("/kagami/act", "smile", 2.5, True))
        second.send(b"iFacialMocap")
        until(lambda: heard and plain, "two datagrams")
        assert heard == [("/kagami/act", ("smile", 2.5, True), first.getsockname())]
        assert plain == [(b"iFacialMocap", second.getsockname())]
        for _ in range(2):
            thread.close()
            assert one[0].fileno() == other[0].fileno() == -1
    assert udp_sockets() == before and threading.active_count() == threads


def test_a_thread_that_never_started_closes_its_sockets() -> None:
    with bound_port(lambda datagram, source: None) as (bound, port):
        thread = DatagramThread("test")
        thread.add(bound, port)
        thread.close()
        assert bound.fileno() == -1


class Waiting:
    """In place of a socket: datagrams that wait. broken: after how many the system tells of an earlier one once."""

    def __init__(self, count: int, broken: int = -1) -> None:
        self.count, self._broken = count, broken

    def recvfrom(self, size: int) -> tuple[bytes, Source]:
        if self.count == self._broken:
            self._broken = -1
            raise ConnectionResetError
        if self.count == 0:
            raise BlockingIOError
        self.count -= 1
        return b"x", ("127.0.0.1", 5000)


def port_alone(each: Rate) -> tuple[DatagramPort, list[bytes]]:
    heard: list[bytes] = []
    return DatagramPort(("127.0.0.1", 9), lambda datagram, _: heard.append(datagram), each), heard


def test_of_a_flood_so_much_is_read_at_once_as_was_heard_and_a_little_more() -> None:
    waiting: Any = Waiting(10 + 2 * DROPPED_AT_ONCE + 3)
    port, heard = port_alone(Rate(10, 1e-6))
    for count in (10 + DROPPED_AT_ONCE, 2 * DROPPED_AT_ONCE + 10):
        assert is_flooded(waiting, port)
        assert (len(heard), len(heard) + port.dropped) == (10, count)
    assert not is_flooded(waiting, port) and port.dropped == 2 * DROPPED_AT_ONCE + 3


def test_a_port_that_is_heard_lets_others_have_their_turn_and_survives_what_the_system_tells() -> None:
    waiting: Any = Waiting(MAX_AT_ONCE + 5, broken=3)
    port, heard = port_alone(FREELY)
    assert not is_flooded(waiting, port) and len(heard) == MAX_AT_ONCE
    assert not is_flooded(waiting, port) and len(heard) == MAX_AT_ONCE + 5 and port.dropped == 0
