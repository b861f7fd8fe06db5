"""Datagrams that anybody may send to the sockets of a connection."""

from __future__ import annotations

import asyncio
import os
import random
import socket

import pytest
from aiortc import RTCIceGatherer, RTCIceTransport

from streamer.webrtc.datagram_filter import MAX_WAITING_DATAGRAMS, install_data_filter
from tests.support.leaks import unhandled_errors
from tests.support.page import FakeCamera, Page, serving, socket_url

STUN_REQUEST = b"\x00\x01\x00\x08\x21\x12\xa4\x42" + b"k" * 12 + b"\x00\x24\x00\x02ab\x00\x00"  # PRIORITY of two bytes
DATAGRAMS = [
    b"",
    STUN_REQUEST,
    STUN_REQUEST[:19],
    b"\x16\xfe\xfd" + bytes(10) + b"handshake",  # DTLS
    b"\x14\xfe\xfd",
    b"\x80\x60" + bytes(20),  # RTP
    b"\x80\xc8\x00\x06" + bytes(24),  # RTCP
]


async def test_datagrams_of_strangers_do_not_end_a_connection() -> None:
    chance = random.Random(4)
    with unhandled_errors() as reports:
        async with serving() as (address, server), Page(socket_url(address)) as page:
            await page.hello()
            await page.start(FakeCamera())
            await page.wait_for_frames(3)
            (session,) = server.conversations.sessions.values()
            assert session._peer is not None
            transport = session._peer._connection.getTransceivers()[0].receiver.transport.transport
            places = [protocol.transport.get_extra_info("sockname") for protocol in transport._connection._protocols]
            for host, port, *_ in places:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                with socket.socket(family, socket.SOCK_DGRAM) as stranger:
                    for count in range(400):
                        data = bytearray(DATAGRAMS[count % len(DATAGRAMS)])
                        if count > 100 and data:
                            data[chance.randrange(len(data))] = chance.randrange(256)
                            data += os.urandom(chance.randrange(9))
                        stranger.sendto(data, (host, port))
                        await asyncio.sleep(0)
            await page.wait_for_frames(20)
            assert all(message["type"] != "error" for message in page.messages)
    assert not reports


async def test_waiting_datagrams_are_bounded_and_never_empty() -> None:
    transport = RTCIceTransport(RTCIceGatherer([]))
    install_data_filter(transport)
    connection = transport._connection
    connection.data_received(b"", 1)
    assert connection._queue.empty()
    for _ in range(MAX_WAITING_DATAGRAMS + 9):
        connection.data_received(b"x", 1)
    assert connection._queue.qsize() == MAX_WAITING_DATAGRAMS
    await transport.stop()


def test_another_aiortc_gets_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    install_data_filter(object())  # type: ignore[arg-type]
    assert "keeps its ICE connections elsewhere" in caplog.text
