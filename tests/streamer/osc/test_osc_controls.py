"""OSC messages as calls of the control API: what addresses mean, how values are taken, and what the console is told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from streamer.errors import NoPageError, ProtocolError
from streamer.osc import osc_controls
from streamer.osc.osc_controls import Call, OscControls, parse
from streamer.osc.osc_packet import Argument
from streamer.server.control_api_calls import parse_call

SOURCE = ("127.0.0.1", 5000)


@pytest.mark.parametrize(
    ("address", "arguments", "call"),
    [
        ("/kagami/act/smile", (), Call("act", {"name": "smile"})),
        ("/kagami/act/smile", (1,), Call("act", {"name": "smile", "on": True})),
        ("/kagami/act/smile", (1.0,), Call("act", {"name": "smile", "on": True})),
        ("/kagami/act/smile", (False,), Call("act", {"name": "smile", "on": False})),
        ("/kagami/act/wink-left", (0.0,), Call("act", {"name": "wink-left", "on": False})),
        ("/kagami/act", ("smile", 2.5), Call("act", {"name": "smile", "seconds": 2.5})),
        ("/kagami/press/smile", (), Call("act", {"name": "smile"})),
        ("/kagami/press/smile", (1,), Call("act", {"name": "smile", "seconds": 1.0})),
        ("/kagami/press/smile", (0,), None),
        ("/kagami/release", (), Call("release", {})),
        ("/kagami/release", (1,), Call("release", {})),
        ("/kagami/release", (0.0,), None),
        ("/kagami/picture", ("sample/anime",), Call("choose", {"picture": "sample/anime"})),
        ("/kagami/picture/sample/anime", (1,), Call("choose", {"picture": "sample/anime"})),
        ("/kagami/picture/sample/anime", (0,), None),
        ("/kagami/control/head", (0.5,), Call("control", {"head": 0.5})),
        ("/kagami/control", ("background", "transparent"), Call("control", {"background": "transparent"})),
        ("/kagami/mood", ("happy and calm",), Call("set_mood", {"text": "happy and calm"})),
        ("/kagami/mood", ("",), Call("set_mood", {"text": ""})),
        ("/kagami/mood/happy", (1.0,), Call("set_mood", {"text": "happy"})),
        ("/kagami/mood/happy", (False,), None),
        ("/kagami/calibrate", (), Call("control", {"calibrate": True})),
        ("/kagami/calibrate", (0,), None),
        ("/kagami/straighten", (True,), Call("control", {"straighten": True})),
    ],
)
def test_parse_gives_the_call_of_a_message(address: str, arguments: tuple[Argument, ...], call: Call | None) -> None:
    assert parse(address, arguments) == call
    if call is not None:
        parse_call(*call)


@pytest.mark.parametrize(
    ("address", "arguments", "words"),
    [
        ("/", (), "no such address"),
        ("/kagami", (), "no such address"),
        ("/kagami/", (), "no such address"),
        ("/kagami/dance", (1,), "no such address"),
        ("/Kagami/act/smile", (1,), "no such address"),
        ("/vrchat/act/smile", (1,), "no such address"),
        ("/kagami/act", (), "lacks its text"),
        ("/kagami/act", (1,), "lacks its text"),
        ("/kagami/act/smile", ("long",), "a text where a number must be"),
        ("/kagami/press/smile", (b"\1",), "a text where a number must be"),
        ("/kagami/control/head", (), "no value for 'head'"),
        ("/kagami/picture", (), "lacks its text"),
        ("/kagami/mood", (3,), "lacks its text"),
    ],
)
def test_parse_says_what_is_wrong_in_one_sentence(address: str, arguments: tuple[Argument, ...], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        parse(address, arguments)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Deck:
    """Controls whose calls are kept; each waits for `may_end`."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.lines: list[str] = []
        self.clock = Clock()
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.failure = failure
        self.controls = OscControls(parse_call, self.call, self.lines.append, self.clock)

    async def call(self, do: str, fields: Mapping[str, Any]) -> None:
        self.calls.append((do, fields))
        await self.may_end.wait()
        if self.failure is not None:
            raise self.failure

    async def __call__(self, address: str, *arguments: Argument) -> None:
        self.controls.receive(address, arguments, SOURCE)
        await asyncio.sleep(0)

    async def until_calls(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.calls) < count:
                await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("name", "sent", "taken"),
    [
        ("head", 0.5, 0.5),
        ("head", 1, 1),
        ("head", True, 1.0),
        ("mirror", 1.0, True),
        ("mirror", 0, False),
        ("mirror", False, False),
        ("who", 2, "2"),
        ("who", 2.0, "2"),
        ("who", "left", "left"),
        ("colour", "#102030", "#102030"),
        ("paused", 1, True),
    ],
)
async def test_values_are_taken_in_whatever_type_they_come(name: str, sent: Argument, taken: object) -> None:
    deck = Deck()
    await deck(f"/kagami/control/{name}", sent)
    assert deck.calls == [("control", {name: taken})] and type(deck.calls[0][1][name]) is type(taken)
    await deck.controls.close()


async def test_of_a_fader_the_newest_value_counts_and_no_other_control_is_lost() -> None:
    deck = Deck()
    deck.may_end.clear()
    await deck("/kagami/control/head", 0.0)
    for step in range(200):
        await deck("/kagami/control/head", step / 100)
        await deck("/kagami/control/mouth", 2 - step / 100)
    deck.may_end.set()
    await deck.until_calls(2)
    assert deck.calls == [("control", {"head": 0.0}), ("control", {"head": 1.99, "mouth": 2 - 1.99})]
    await deck.controls.close()


async def test_what_comes_after_the_end_is_dropped() -> None:
    deck = Deck()
    await deck.controls.close()
    await deck("/kagami/control/head", 1.0)
    await deck.controls.close()
    assert deck.calls == []


async def test_wrong_values_cost_no_other_control_and_are_told() -> None:
    deck = Deck()
    deck.controls.receive("/kagami/control/head", (9.0,), SOURCE)
    deck.controls.receive("/kagami/control/mouth", (0.5,), SOURCE)
    await deck.until_calls(1)
    assert deck.calls == [("control", {"mouth": 0.5})]
    assert deck.lines == [
        "OSC /kagami/control/head: The field 'head' is out of range (0 to 2): choose a value between."
    ]
    await deck.controls.close()


async def test_acts_are_done_in_their_order_and_none_is_left_out() -> None:
    deck = Deck()
    for value in (1, 0, 1, 0):
        deck.controls.receive("/kagami/act/nod", (value,), SOURCE)
    await deck.until_calls(4)
    assert [fields["on"] for _, fields in deck.calls] == [True, False, True, False]


async def test_more_calls_than_can_wait_are_dropped_and_told() -> None:
    deck = Deck()
    deck.may_end.clear()
    for _ in range(osc_controls.MAX_PENDING + 50):
        await deck("/kagami/release")
    assert len(deck.calls) == osc_controls.MAX_PENDING
    assert deck.lines == ["OSC /kagami/release: More than 16 calls wait to be done: send fewer."]
    await deck.controls.close()


async def test_the_console_is_told_now_and_then_and_how_much_was_not_told() -> None:
    deck = Deck()
    for _ in range(5):
        await deck("/kagami/dance")
    assert deck.lines == ["OSC /kagami/dance: There is no such address: see docs/osc.md."]
    deck.clock.now += osc_controls.TELL_PERIOD_S
    await deck("/kagami/\x1b[2J" + "x" * 500)
    assert deck.lines[1].endswith("see docs/osc.md. (and 4 more that were not told)")
    assert "\x1b" not in deck.lines[1] and len(deck.lines[1]) < 300


async def test_failures_of_a_call_are_told_and_end_nothing() -> None:
    deck = Deck(NoPageError())
    await deck("/kagami/release")
    await asyncio.sleep(0)
    assert deck.lines == [f"OSC /kagami/release: {NoPageError()}"]
    deck.failure = KeyError("x")
    deck.clock.now += osc_controls.TELL_PERIOD_S
    await deck("/kagami/control/head", 1.0)
    await deck.until_calls(2)
    assert deck.lines[1:] == ["OSC /kagami/control/head: Something broke in this call (KeyError)."]
    await deck.controls.close()
