"""The field for a mood: what is sent, how its reading is shown, and what is remembered."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from streamer.sources.mood_reading import read_mood
from tests.browser.actions import changing_messages, pass_sockets, wait_until
from tests.browser.conftest import OpenPage
from tests.browser.kagami import ROOT, KagamiServer

EXAMPLES = re.findall(r'<option value="([^"]+)"></option>', (ROOT / "web_client" / "sources.html").read_text("utf-8"))
Messages = list[dict[str, Any]]


def moods(messages: Messages) -> list[str]:
    return [message["text"] for message in messages if message["type"] == "mood"]


def open_with(open_page: OpenPage, stub: KagamiServer, change: Any = lambda _: None) -> tuple[Page, Messages]:
    """A page whose messages from the server are changed, and what it sends."""
    page = open_page("about:blank")
    messages: Messages = []
    page.route_web_socket("**/ws*", changing_messages(change, messages))
    page.goto(stub.url)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    return page, messages


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_of_the_field_are_understood(text: str) -> None:
    reading = read_mood(text)
    assert reading.unknown == () and len(reading.understood) >= len(text.split(", "))


def test_words_are_read_and_one_that_is_not_known_is_replaced(open_page: OpenPage, stub: KagamiServer) -> None:
    page, messages = open_with(open_page, stub)
    field, state = page.locator("#mood"), page.locator("#mood-state")
    expect(state).to_have_text("Say in English how it is")
    field.fill("  Gloopy,  a shy smile, xyzzy")
    field.press("Enter")
    expect(state).to_have_text("Not all is understood")
    expect(page.locator("#mood-understood li")).to_have_text(["shy, smile"])
    expect(page.locator("#mood-unknown li")).to_have_text([re.compile("gloopy"), "xyzzyNo similar word"])
    page.get_by_role("button", name="Write gloomy instead").click()
    expect(field).to_have_value("gloomy, a shy smile, xyzzy")
    expect(field).to_be_focused()
    field.fill("gloomy, a shy smile")
    field.press("Enter")
    expect(state).to_have_text("Understood")
    expect(page.locator("#mood-unknown")).to_be_hidden()
    texts = ["Gloopy, a shy smile, xyzzy", "gloomy, a shy smile, xyzzy", "gloomy, a shy smile"]
    assert moods(messages) == texts
    field.fill("")
    field.press("Tab")
    expect(state).to_have_text("Say in English how it is")
    assert moods(messages) == [*texts, ""]


def test_mood_is_remembered_and_switched_off_without_losing_its_words(open_page: OpenPage, stub: KagamiServer) -> None:
    page, messages = open_with(open_page, stub)
    field, state, switch = page.locator("#mood"), page.locator("#mood-state"), page.locator("#mood-on")
    field.fill("sleepy")
    field.press("Enter")
    expect(state).to_have_text("Understood")
    page.reload()
    expect(field).to_have_value("sleepy")
    expect(state).to_have_text("Understood")
    switch.uncheck()
    expect(state).to_have_text("Off")
    expect(page.locator("#mood-understood")).to_be_hidden()
    wait_until(lambda: moods(messages) == ["sleepy", "sleepy", ""], page)
    page.reload()
    expect(page.locator("#status")).to_have_text("Ready")
    expect(state).to_have_text("Off")
    expect(field).to_have_value("sleepy")
    switch.check()
    expect(state).to_have_text("Understood")
    assert moods(messages) == ["sleepy", "sleepy", "", "sleepy"]


def test_mood_of_the_server_is_shown_until_somebody_writes_one(open_page: OpenPage, stub: KagamiServer) -> None:
    proud = {"text": "proud", "understood": [{"phrase": "proud", "read": "proud"}], "unknown": []}

    def change(message: dict[str, Any]) -> None:
        if message["type"] == "ready":
            message["mood"] = proud

    page, messages = open_with(open_page, stub, change)
    field, state = page.locator("#mood"), page.locator("#mood-state")
    expect(field).to_have_value("proud")
    expect(state).to_have_text("Understood")
    assert moods(messages) == []
    field.fill("shy")
    field.press("Enter")
    expect(page.locator("#mood-understood li")).to_have_text(["shy"])
    page.reload()
    expect(field).to_have_value("shy")
    expect(page.locator("#mood-understood li")).to_have_text(["shy"])
    assert moods(messages) == ["shy", "shy"]


def test_reading_of_an_earlier_mood_is_not_shown(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    sockets = pass_sockets(page)
    page.goto(stub.url)
    expect(page.locator("#status")).to_have_text("Ready")
    page.evaluate(
        """() => { const field = document.getElementById('mood'); for (const text of ['gloopy', 'shy']) {
          field.value = text; field.dispatchEvent(new Event('change')); } }"""
    )
    expect(page.locator("#mood-understood li")).to_have_text(["shy"])
    expect(page.locator("#mood-unknown")).to_be_hidden()
    expect(page.locator("#mood")).to_have_value("shy")
    sockets[0].close()
    wait_until(lambda: len(sockets) == 2, page)  # and sent again
    expect(page.locator("#status")).to_have_text("Ready")
    expect(page.locator("#mood-understood li")).to_have_text(["shy"])
