"""Datagrams that anybody may send to the sockets of a connection."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct

import pytest
from aiortc import (
    RTCCertificate,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceTransport,
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
)

from streamer.webrtc.datagram_filter import MAX_WAITING_DATAGRAMS, install_data_filter, install_media_filter
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

RTCP_HEADERS = [b"\x81\xc9\x00\x07", b"\x8f\xcd\x00\x05", b"\x81\xce\x00\x02", b"\x80\xc8\x00\x06", b"\x81\xca\x00\x03"]


async def test_datagrams_of_strangers_do_not_end_a_connection() -> None:
    chance = random.Random(4)
    with unhandled_errors() as reports:
        async with serving() as (address, server), Page(socket_url(address)) as page:
            await page.hello()
            await page.start(FakeCamera())
            await page.wait_for_frames(3)
            (session,) = server.conversations.sessions.values()
            assert session._connection.peer is not None
            transport = session._connection.peer._connection.getTransceivers()[0].receiver.transport.transport
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


async def test_malformed_packets_of_the_page_are_dropped() -> None:
    transport = RTCDtlsTransport(RTCIceTransport(RTCIceGatherer([])), [RTCCertificate.generateCertificate()])
    extension = RTCRtpHeaderExtensionParameters(3, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time")
    transport._rtp_header_extensions_map.configure(RTCRtpParameters(headerExtensions=[extension]))
    short = b"\x90\x60" + bytes(10) + b"\xbe\xde\x00\x01" + b"\x31ab\x00"  # a time of two bytes instead of three
    with pytest.raises(struct.error):
        await transport._handle_rtp_data(short, arrival_time_ms=0)
    install_media_filter(transport)
    await transport._handle_rtp_data(short, arrival_time_ms=0)
    chance = random.Random(5)
    for _ in range(2000):
        await transport._handle_rtcp_data(chance.choice(RTCP_HEADERS) + chance.randbytes(chance.randrange(0, 40, 4)))
        await transport._handle_rtp_data(short[:12] + chance.randbytes(chance.randrange(40)), arrival_time_ms=0)
    await transport.transport.stop()


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
