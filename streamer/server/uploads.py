"""The bodies of uploads: how many are taken at once, how often they may come, and how large they may be."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from starlette.requests import Request

from streamer.errors import BusyError, TooLargeError
from streamer.server.access import address_of
from streamer.server.rate_limits import RateLimiters
from streamer.server.request_body import read_body
from streamer.settings import Settings

MAX_UPLOADS = 8  # request bodies that are read, or wait to be decoded, at once; each has up to `max_upload_mb`
MAX_UPLOADS_PER_ADDRESS = 2


class Uploads:
    """Those of one server. Used on the event loop."""

    def __init__(self, settings: Settings, limiters: RateLimiters) -> None:
        self._limit_mb = settings.max_upload_mb
        self._limiter = limiters.uploads
        self._open: Counter[str] = Counter()  # those that are read or decoded now, by address

    @contextlib.contextmanager
    def place(self, request: Request) -> Iterator[None]:
        """While this context is open, one more upload of an address is read or decoded. Raises BusyError."""
        address = address_of(request)
        if self._open[address] >= MAX_UPLOADS_PER_ADDRESS or self._open.total() >= MAX_UPLOADS:
            raise BusyError
        self._open[address] += 1
        try:
            yield
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    async def wait(self, request: Request) -> None:
        """Count what an address sends, not sooner than it may send it. Raises TooFastError."""
        await self._limiter.wait(address_of(request))

    async def read(self, request: Request) -> bytes:
        """The body of an upload, after `wait`. Raises TooLargeError, TooFastError, ClientDisconnect."""
        await self.wait(request)
        return await read_body(request, round(self._limit_mb * 1e6), TooLargeError(self._limit_mb))
