"""The order and the rate of a page's messages."""

from __future__ import annotations

import pytest

from streamer.errors import ProtocolError, TooFastError
from streamer.server.message_order import MessageOrder
from streamer.server.messages import Candidate
from streamer.server.page_messages import Bye, Control, Hello, Offer


def test_message_order_refuses_messages_out_of_order() -> None:
    order = MessageOrder()
    with pytest.raises(ProtocolError, match=r"^The first message must be 'hello': reload the page\.$"):
        order.check(Control(head=1.0))
    order.check(Hello(1))
    with pytest.raises(ProtocolError, match=r"^A second 'hello' came; it is sent once, first\.$"):
        order.check(Hello(1))
    with pytest.raises(ProtocolError, match=r"^A candidate came before an offer: send the offer first\.$"):
        order.check(Candidate(None))
    for message in (Offer("v=0"), Candidate(None), Control(mirror=True), Offer("v=0"), Bye()):
        order.check(message)


def test_message_order_limits_the_rate() -> None:
    now = 0.0
    order = MessageOrder(clock=lambda: now)
    for _ in range(50):
        order.count_message()
    with pytest.raises(TooFastError) as caught:
        order.count_message()
    assert str(caught.value) == "More than 50 messages a second came; this one was ignored, send fewer."
    now = 0.5
    for _ in range(25):
        order.count_message()
    with pytest.raises(TooFastError):
        order.count_message()


def test_message_order_counts_errors() -> None:
    order = MessageOrder()
    assert [order.count_error() for _ in range(50)] == [False] * 49 + [True]
