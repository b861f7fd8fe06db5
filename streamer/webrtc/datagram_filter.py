"""Filters for what arrives on the sockets of a connection: from anybody who finds their ports, and from its page.

aiortc ends a connection that receives an empty datagram or a malformed RTP header extension, and keeps all datagrams
that come before DTLS reads them. aioice raises exceptions on malformed STUN messages. Each costs a traceback.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiortc import RTCDtlsTransport, RTCIceTransport

MAX_WAITING_DATAGRAMS = 1024  # a key frame has about 50, and DTLS reads them as they come
_AIORTC_ATTRIBUTE = "_connection"  # where aiortc keeps the ICE connection of aioice
_AIOICE_ATTRIBUTES = ("data_received", "_queue", "_protocols")  # of the ICE connection
_AIORTC_HANDLERS = ("_handle_rtp_data", "_handle_rtcp_data")  # of a DTLS transport
_log = logging.getLogger(__name__)


def install_data_filter(transport: RTCIceTransport) -> None:
    """Drop empty datagrams of `transport`, and new ones while MAX_WAITING_DATAGRAMS wait to be read.

    With an aiortc that keeps its ICE connection elsewhere, a warning is logged and nothing is dropped.
    """
    connection: Any = getattr(transport, _AIORTC_ATTRIBUTE, None)
    if not all(hasattr(connection, name) for name in _AIOICE_ATTRIBUTES):
        _log.warning("this aiortc keeps its ICE connections elsewhere: an empty datagram ends a connection")
        return
    receive, queue = connection.data_received, connection._queue

    def filtered(data: bytes, component: int) -> None:
        if data and queue.qsize() < MAX_WAITING_DATAGRAMS:
            receive(data, component)

    connection.data_received = filtered


def install_stun_filter(transport: RTCIceTransport) -> None:
    """Drop the datagrams that the sockets of `transport` cannot parse. To be called once local candidates are gathered.

    Does nothing where `install_data_filter` logs its warning.
    """
    connection: Any = getattr(transport, _AIORTC_ATTRIBUTE, None)
    for protocol in getattr(connection, "_protocols", ()):
        protocol.datagram_received = _suppressing(protocol.datagram_received)


def install_media_filter(transport: RTCDtlsTransport) -> None:
    """Drop the RTP and RTCP packets of the page that `transport` cannot parse.

    With an aiortc that handles packets elsewhere, a warning is logged and nothing is dropped.
    """
    if not all(hasattr(transport, name) for name in _AIORTC_HANDLERS):
        _log.warning("this aiortc handles its packets elsewhere: a malformed one ends a connection")
        return
    for name in _AIORTC_HANDLERS:
        setattr(transport, name, _suppressing_later(getattr(transport, name)))


def _suppressing_later(handle: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The same coroutine function, which logs exceptions, save that of a lost connection, instead of raising them."""

    async def filtered(*arguments: Any, **options: Any) -> None:
        try:
            await handle(*arguments, **options)
        except ConnectionError:
            raise
        except Exception as error:
            _log.debug("a packet was dropped: %r", error)

    return filtered


def _suppressing(receive: Callable[[bytes, tuple[Any, ...]], None]) -> Callable[[bytes, tuple[Any, ...]], None]:
    """The same function, which logs its exceptions at level debug instead of raising them."""

    def filtered(data: bytes, address: tuple[Any, ...]) -> None:
        try:
            receive(data, address)
        except Exception as error:  # anybody may send anything
            _log.debug("a datagram was dropped: %r", error)

    return filtered
