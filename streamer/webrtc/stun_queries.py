"""Ends the queries to STUN servers that a closing connection still waits for."""

from __future__ import annotations

from typing import Any

from aioice import stun
from aiortc import RTCIceTransport

_REFUSED = (400, "the connection is closed")  # an error code of STUN, and its words for a log


def end_stun_queries(transport: RTCIceTransport) -> None:
    """Let each query of `transport` that waits for a STUN server fail now, instead of after aioice's five seconds.

    Queries to TURN servers, whose answers are signed, are not ended. Does nothing where an aiortc keeps its ICE
    connections elsewhere, see `install_data_filter`.
    """
    connection: Any = getattr(transport, "_connection", None)
    for protocol in getattr(connection, "_protocols", ()):
        for identifier, query in list(protocol.transactions.items()):
            answer = stun.Message(stun.Method.BINDING, stun.Class.ERROR, identifier)
            answer.attributes["ERROR-CODE"] = _REFUSED
            query.response_received(answer, ("", 0))
