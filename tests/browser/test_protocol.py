"""The page's half of the protocol, in the browser that runs it, against the examples that the server's tests read
too.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.kagami import ROOT, KagamiServer

EXAMPLES = json.loads((ROOT / "tests" / "fixtures" / "protocol.json").read_text())

_PARSE = "async (json) => { const { parse } = await import('/protocol.js'); return parse(json); }"
_SERIALISE = "async (message) => { const { serialise } = await import('/protocol.js'); return serialise(message); }"
_REFUSES = """
async ([name, argument]) => {
  const protocol = await import('/protocol.js');
  try { protocol[name](argument); } catch (error) { return error.message; }
  return null;
}
"""


@pytest.fixture
def page(open_page: OpenPage, stub: KagamiServer) -> Page:
    return open_page(stub.url)


def test_parse_accepts_every_message_of_the_server(page: Page) -> None:
    for message in EXAMPLES["server"]:
        assert page.evaluate(_PARSE, json.dumps(message)) == message


def test_serialise_keeps_every_message_of_the_page(page: Page) -> None:
    for message in EXAMPLES["client"]:
        assert json.loads(page.evaluate(_SERIALISE, message)) == message


def test_protocol_version_is_that_of_the_examples(page: Page) -> None:
    assert page.evaluate("async () => (await import('/protocol.js')).PROTOCOL") == EXAMPLES["protocol"]


def test_parse_refuses_a_message_without_one_of_its_fields(page: Page) -> None:
    for message in EXAMPLES["server"]:
        for missing in [
            name for name in message if name not in ("type", "sdpMid", "sdpMLineIndex", "usernameFragment")
        ]:
            incomplete = {name: value for name, value in message.items() if name != missing}
            error = page.evaluate(_REFUSES, ["parse", json.dumps(incomplete)])
            field = f"{message['type']}.{missing}"
            assert error == f"The server and this page do not speak the same protocol ({field}): reload the page."


@pytest.mark.parametrize(
    "invalid",
    [
        {"type": "control", "head": 2.5},
        {"type": "control", "arms": 1.6},
        {"type": "control", "colour": "green"},
        {"type": "control", "background": "sepia"},
        {"type": "control", "speed": 1},
        {"type": "hello", "protocol": 2},
        {"type": "nonsense"},
    ],
)
def test_serialise_refuses_what_the_protocol_does_not_have(page: Page, invalid: dict[str, Any]) -> None:
    assert page.evaluate(_REFUSES, ["serialise", invalid]).startswith("not in the protocol: ")


def test_parse_refuses_what_is_not_json(page: Page) -> None:
    error = page.evaluate(_REFUSES, ["parse", "<html>"])
    assert error == "The server sent something that is not JSON: reload the page."


def test_backoff_doubles_up_to_a_bound(page: Page) -> None:
    delays = page.evaluate(
        "async () => { const { backoff } = await import('/connection.js');"
        " return [...Array(12).keys()].map((attempt) => [backoff(attempt, 0), backoff(attempt, 1)]); }"
    )
    assert [longest for longest, _ in delays[:6]] == [0.5, 1, 2, 4, 8, 15]
    assert all(longest == 15 for longest, _ in delays[5:])
    assert all(shortest == pytest.approx(longest * 0.75) for longest, shortest in delays)
