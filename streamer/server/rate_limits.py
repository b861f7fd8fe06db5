"""How often clients may do what costs the server time: token buckets, in total and for each client's address."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from streamer.errors import TooFastError
from streamer.runtime.token_bucket import Rate, TokenBucket
from streamer.server.access import error_response

MAX_ADDRESSES = 1024  # addresses with a bucket of their own; the least recently active ones are forgotten


class RateLimiter:
    """Limits one kind of event, in total and for each address.

    An event that comes too early waits for its turn, so that somebody with many clients is slowed and not refused; it
    is refused if it would wait longer than `max_wait_s`. what: names the events in the sentence of the refusal.
    """

    def __init__(
        self,
        what: str,
        total: Rate,
        each: Rate,
        max_wait_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._each = each
        self._max_wait_s = max_wait_s
        self._clock = clock
        self._total = TokenBucket(total, clock)
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def reserve(self, address: str) -> float:
        """Count one event of an address. Returns the seconds after which it may happen. Raises TooFastError."""
        bucket = self._buckets.get(address) or TokenBucket(self._each, self._clock)
        self._buckets[address] = bucket
        self._buckets.move_to_end(address)
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        wait = max(bucket.wait_s(), self._total.wait_s())
        if wait > self._max_wait_s:
            raise TooFastError(f"Too many {self._what} come at once: wait {max(1, round(wait))} s and try again.")
        bucket.take()
        self._total.take()
        return wait

    async def wait(self, address: str) -> None:
        """Count one event of an address and sleep until it may happen. Raises TooFastError."""
        delay = self.reserve(address)
        if delay > 0:
            await asyncio.sleep(delay)


@dataclass(frozen=True)
class Limits:
    """The rates that one server allows, each in total and for one address (docs/protocol.md).

    requests: HTTP requests; a page's start takes about thirty.
    conversations: new WebSockets.
    offers: SDP offers; each takes about 20 ms of the event loop and opens UDP sockets.
    trackers: starts of tracker processes; each takes about a second of one core.
    uploads: pictures; decoding and preparing one takes seconds of one core.
    previews: films of a picture with its points; each takes seconds of one core.
    calls: of the control API, over HTTP and WebSockets.
    snapshots: pictures of the avatar for the control API; encoding one takes tens of milliseconds.
    films: clips of which a film is wanted; one is made at a time, and each takes minutes.
    """

    requests: tuple[Rate, Rate] = (Rate(400, 100), Rate(200, 20))
    conversations: tuple[Rate, Rate] = (Rate(32, 16), Rate(16, 8))
    offers: tuple[Rate, Rate] = (Rate(8, 4), Rate(4, 2))
    trackers: tuple[Rate, Rate] = (Rate(4, 0.5), Rate(4, 0.25))
    uploads: tuple[Rate, Rate] = (Rate(8, 0.5), Rate(4, 0.2))
    previews: tuple[Rate, Rate] = (Rate(8, 0.5), Rate(4, 0.3))
    films: tuple[Rate, Rate] = (Rate(8, 0.2), Rate(4, 0.1))
    calls: tuple[Rate, Rate] = (Rate(200, 120), Rate(120, 60))
    snapshots: tuple[Rate, Rate] = (Rate(8, 6), Rate(4, 3))


class RateLimiters:
    """The limiters of one server, one for each field of `Limits`."""

    def __init__(self, limits: Limits) -> None:
        self.requests = RateLimiter("requests", *limits.requests)
        self.conversations = RateLimiter("connections", *limits.conversations, max_wait_s=5.0)
        self.offers = RateLimiter("offers", *limits.offers, max_wait_s=10.0)
        self.trackers = RateLimiter("visits", *limits.trackers, max_wait_s=30.0)
        self.uploads = RateLimiter("pictures", *limits.uploads, max_wait_s=3.0)
        self.previews = RateLimiter("previews", *limits.previews, max_wait_s=5.0)
        self.films = RateLimiter("clips", *limits.films, max_wait_s=2.0)
        self.calls = RateLimiter("calls", *limits.calls)
        self.snapshots = RateLimiter("snapshots", *limits.snapshots, max_wait_s=2.0)


class RequestLimitMiddleware:
    """ASGI middleware that answers HTTP requests beyond the limiter's rates with status 429."""

    def __init__(self, app: ASGIApp, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._limiter.reserve((scope.get("client") or ("",))[0])
            except TooFastError as error:
                await error_response(error, 429)(scope, receive, send)
                return
        await self._app(scope, receive, send)
