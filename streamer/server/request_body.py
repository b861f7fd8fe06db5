"""The body of a request, read as far as it may be long."""

from __future__ import annotations

from starlette.requests import Request

from streamer.errors import KagamiError


async def read_body(request: Request, limit: int, too_large: KagamiError) -> bytes:
    """All bytes of a body. Raises `too_large` as soon as more than `limit` have arrived, and ClientDisconnect."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise too_large
    return bytes(data)
