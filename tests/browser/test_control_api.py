"""What other programs do to a session is seen on its page."""

from __future__ import annotations

from typing import Any

import httpx
from playwright.sync_api import Page, expect

from tests.browser.actions import go_live, wait_until
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer


class Program:
    """A program that controls the page that was opened last."""

    def __init__(self, server: KagamiServer) -> None:
        self._url = f"{server.url}api/v1"
        self._handle = self.call("GET", "/sessions", session="")["sessions"][0]["session"]

    def call(self, method: str, path: str, session: str | None = None, **fields: Any) -> dict[str, Any]:
        params = {} if session == "" else {"session": self._handle}
        answer = httpx.request(method, self._url + path, params=params, json=fields or None, timeout=60)
        answer.raise_for_status()
        return dict(answer.json())


def open_live(open_page: OpenPage, stub: KagamiServer) -> tuple[Page, Program]:
    page = open_page(stub.url)
    go_live(page)
    return page, Program(stub)


def test_faces_and_controls_of_programs_are_shown_and_can_be_ended_here(
    open_page: OpenPage, stub: KagamiServer
) -> None:
    page, program = open_live(open_page, stub)
    smile, anger = page.locator("#act-smile"), page.locator("#act-anger")
    program.call("POST", "/acts", name="smile", on=True)
    expect(smile).to_have_attribute("aria-pressed", "true")
    anger.click()
    assert program.call("GET", "/acts")["on"] == ["anger", "smile"]
    smile.click()  # ends what the program holds
    expect(smile).to_have_attribute("aria-pressed", "false")
    wait_until(lambda: program.call("GET", "/acts")["on"] == ["anger"], page)
    program.call("PATCH", "/controls", mirror=False, paused=True)
    expect(page.locator("#mirror")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#status")).to_have_text("Paused")
    program.call("PATCH", "/controls", paused=False)
    program.call("PUT", "/mood", text="happy")
    expect(page.locator("#mood")).to_have_value("happy")
    expect(page.locator("#mood-on")).to_be_checked()
    program.call("PUT", "/mood", text="")
    expect(page.locator("#mood-on")).not_to_be_checked()
    expect(page.locator("#mood")).to_have_value("happy")  # kept for later
    page.reload()
    expect(page.locator("#act-smile")).to_be_enabled()
    expect(page.locator("#mirror")).to_have_attribute("aria-pressed", "false")  # kept as the page's own choice is


def test_a_picture_that_a_program_chooses_is_shown_and_stays_over_a_reload(
    open_page: OpenPage, stub: KagamiServer
) -> None:
    page, program = open_live(open_page, stub)
    name = page.locator("#picture-name")
    program.call("POST", "/picture", picture="sample/anime")
    expect(name).to_have_text("Anime")
    page.reload()
    expect(page.locator("#act-smile")).to_be_enabled()
    expect(name).to_have_text("Anime")
    program.call("POST", "/picture", picture="start")
    expect(name).to_have_text("stub.png")
