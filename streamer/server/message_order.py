"""The order and the rate of a page's messages."""

from __future__ import annotations

import time
from collections.abc import Callable

from streamer.errors import ProtocolError, TooFastError
from streamer.server.messages import Candidate
from streamer.server.page_messages import Bye, Hello, Offer, PageMessage

MAX_MESSAGES_PER_S = 50  # trickle ICE comes in bursts of about twenty
MAX_ERRORS = 50  # wrong messages of one page, after which its WebSocket is closed


class MessageOrder:
    """Which of the page's messages may come when, and how many. clock: seconds, injectable for tests."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._allowance = float(MAX_MESSAGES_PER_S)  # a token bucket: messages that may still come now
        self._last_message = clock()
        self._had_hello = False
        self._had_offer = False
        self._errors = 0

    def count_message(self) -> None:
        """Count one arriving message, well-formed or not. Raises TooFastError."""
        now = self._clock()
        refilled = self._allowance + (now - self._last_message) * MAX_MESSAGES_PER_S
        self._allowance = min(float(MAX_MESSAGES_PER_S), refilled)
        self._last_message = now
        if self._allowance < 1:
            raise TooFastError(
                f"More than {MAX_MESSAGES_PER_S} messages a second came; this one was ignored, send fewer."
            )
        self._allowance -= 1

    def check(self, message: PageMessage) -> None:
        """Raises ProtocolError for a message that may not come now."""
        if isinstance(message, Bye):
            return
        if isinstance(message, Hello):
            if self._had_hello:
                raise ProtocolError("A second 'hello' came; it is sent once, first.")
            self._had_hello = True
            return
        if not self._had_hello:
            raise ProtocolError("The first message must be 'hello': reload the page.")
        if isinstance(message, Offer):
            self._had_offer = True
        elif isinstance(message, Candidate) and not self._had_offer:
            raise ProtocolError("A candidate came before an offer: send the offer first.")

    def count_error(self) -> bool:
        """Count one error sent to the page; True for the MAX_ERRORS-th and later ones."""
        self._errors += 1
        return self._errors >= MAX_ERRORS
