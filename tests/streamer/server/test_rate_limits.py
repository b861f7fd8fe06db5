"""Token buckets in total and by address; the clock is a number."""

from __future__ import annotations

import contextlib

import pytest

from streamer.errors import TooFastError
from streamer.server import rate_limits
from streamer.server.rate_limits import Rate, RateLimiter


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_burst_passes_and_then_one_event_a_period() -> None:
    clock = Clock()
    limiter = RateLimiter("offers", Rate(100, 100), Rate(2, 0.5), clock=clock)
    assert [limiter.reserve("a"), limiter.reserve("a")] == [0, 0]
    with pytest.raises(TooFastError) as caught:
        limiter.reserve("a")
    assert str(caught.value) == "Too many offers come at once: wait 2 s and try again."
    clock.now += 2
    assert limiter.reserve("a") == 0


def test_events_wait_for_their_turn_up_to_the_limit() -> None:
    limiter = RateLimiter("offers", Rate(100, 100), Rate(1, 0.5), max_wait_s=4.0, clock=Clock())
    assert [limiter.reserve("a") for _ in range(3)] == [0, 2, 4]
    with pytest.raises(TooFastError):
        limiter.reserve("a")


def test_one_address_does_not_use_up_the_rate_of_another() -> None:
    limiter = RateLimiter("offers", Rate(4, 1), Rate(2, 0.5), clock=Clock())
    for _ in range(20):
        with contextlib.suppress(TooFastError):
            limiter.reserve("a")
    assert [limiter.reserve("b"), limiter.reserve("b")] == [0, 0]
    with pytest.raises(TooFastError):  # the total is used up
        limiter.reserve("c")


def test_addresses_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_ADDRESSES", 3)
    limiter = RateLimiter("offers", Rate(1000, 1), Rate(1, 0.01), clock=Clock())
    for number in range(50):
        limiter.reserve(str(number))
    assert len(limiter._buckets) == 3
