"""A page that is reloaded while live, or loses its server, comes back as it was."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, WebSocket, WebSocketRoute, expect

from tests.browser.actions import (
    await_frames,
    await_live,
    changing_messages,
    colour_of,
    expect_in_use,
    go_live,
    hold_requests,
    is_close,
    png_file,
    wait_until,
)
from tests.browser.conftest import CONDITION_TIMEOUT_MS, OpenPage
from tests.browser.kagami import STUB, KagamiServer

RED = (200, 30, 30)


def received(page: Page) -> list[dict[str, Any]]:
    """A list that receives every message of the server; call before the page is opened."""
    messages: list[dict[str, Any]] = []

    def append(text: str | bytes) -> None:
        messages.append(json.loads(text))

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", append)

    page.on("websocket", listen)
    return messages


def last_ready(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return [message for message in messages if message["type"] == "ready"][-1]


def test_reload_while_live_comes_back_live_in_the_same_session(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    messages = received(page)
    uploads: list[str] = []
    page.on("request", lambda request: uploads.append(request.method) if "api/picture?" in request.url else None)
    page.goto(stub.url)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    page.locator("#file").set_input_files(png_file("red.png", RED))
    expect_in_use(page, "red.png")
    go_live(page)
    page.get_by_role("button", name="Microphone").click()
    expect(page.get_by_role("button", name="Microphone")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("slider", name="Head").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Pause").click()
    wait_until(lambda: any(m["type"] == "state" and m["phase"] == "paused" for m in messages), page)
    before = last_ready(messages)
    assert not before["resumed"]
    page.reload()
    await_live(page)  # without a click
    again = last_ready(messages)
    assert again["resumed"] and again["session"] == before["session"]
    assert again["controls"]["head"] == 1.05 and again["controls"]["paused"]
    expect(page.get_by_role("button", name="Pause")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Microphone")).to_have_attribute("aria-pressed", "true")
    expect_in_use(page, "red.png")
    tile = page.locator("#tiles").get_by_role("button", name="red.png")
    expect(tile).to_have_count(1)
    expect(tile).to_have_attribute("aria-pressed", "true")
    wait_until(lambda: is_close(colour_of(page), RED), page)
    expect(page.locator("#self")).to_be_visible()
    assert [method for method in uploads if method != "GET"] == ["PUT", "POST"], "uploaded again, not by its hash"

    page.get_by_role("button", name="Stop").click()
    page.reload()
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    assert page.locator("body[data-live=idle]").count() == 1
    assert not last_ready(messages)["resumed"]
    assert page.evaluate("() => document.getElementById('preview').srcObject") is None, "the camera opened by itself"


def test_page_whose_session_moves_before_its_offer_is_answered_goes_live(
    open_page: OpenPage, stub: KagamiServer
) -> None:
    ready: dict[str, Any] = {}
    offers: list[Any] = []

    def move_before_the_first_answer(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_server(text: str | bytes) -> None:
            if json.loads(text)["type"] == "offer":
                offers.append(text)
            server.send(text)

        def to_page(text: str | bytes) -> None:
            message = json.loads(text)
            if message["type"] == "ready":
                ready.update(message, resumed=True)
            is_lost = message["type"] == "answer" and len(offers) == 1
            socket.send(json.dumps(ready) if is_lost else text)  # as a cluster does

        socket.on_message(to_server)
        server.on_message(to_page)

    page = open_page("about:blank")
    page.route_web_socket("**/ws*", move_before_the_first_answer)
    page.goto(stub.url)
    go_live(page)
    await_frames(page)
    assert len(offers) > 1


@pytest.mark.parametrize("moves", [False, True])
def test_picture_on_its_way_is_sent_again_where_the_connection_was_lost_or_the_session_moves(
    open_page: OpenPage, stub: KagamiServer, moves: bool
) -> None:
    page = open_page("about:blank")
    sockets: list[WebSocketRoute] = []
    ready: dict[str, Any] = {}

    def note(message: dict[str, Any]) -> None:
        if message["type"] == "ready":
            ready.update(message)

    def connect(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        changing_messages(note)(socket)

    page.route_web_socket("**/ws*", connect)
    held = hold_requests(page, "api/picture", "PUT")
    page.goto(stub.url)
    expect(page.locator("#status")).to_have_text("Ready")
    page.locator("#file").set_input_files(png_file("red.png", RED))
    wait_until(lambda: len(held) == 1, page)
    if moves:  # on a cluster, to a machine that does not know of it
        sockets[0].send(json.dumps(ready | {"resumed": True}))
    else:
        sockets[0].close()
    wait_until(lambda: len(held) == 2, page)  # to the next session
    with page.expect_event("requestfailed"):
        held[0].abort()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    held[1].continue_()
    expect_in_use(page, "red.png")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("#tiles").get_by_role("button", name="red.png")).to_have_attribute("aria-pressed", "true")


def test_stage_has_its_picture_before_the_rest_of_the_page_comes(open_page: OpenPage, stub: KagamiServer) -> None:
    colour = """async (still) => {
      await still.decode();
      const context = document.createElement('canvas').getContext('2d');
      context.drawImage(still, 0, 0, 1, 1);
      return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    }"""
    page = open_page("about:blank")
    still, words = page.locator("#still"), page.locator("#choose")
    held: list[Route] = []
    page.route("**/app.js", lambda route: held.append(route))  # noqa: PLW0108 - Playwright sets an attribute of it
    for number in range(2):  # that of the server, then what was worn before a reload
        page.goto(stub.url, wait_until="domcontentloaded")
        wait_until(lambda number=number: len(held) == number + 1, page)  # type: ignore[misc]
        expect(still).to_be_visible()
        assert is_close(still.evaluate(colour), RED) == (number == 1)
        expect(page.locator("#picture-card")).to_be_visible()
        expect(words).to_be_hidden()  # in whichever language
        held[-1].continue_()
        expect(page.locator("#status")).to_have_text("Ready")
        expect(words).to_be_visible()
        page.locator("#file").set_input_files(png_file("red.png", RED))
        expect_in_use(page, "red.png")
        wait_until(lambda: is_close(still.evaluate(colour), RED), page)
    expect(still).to_have_attribute("src", re.compile("api/picture.*session="))


def test_last_frame_stays_while_the_server_is_away(open_page: OpenPage, tmp_path: Path) -> None:
    with KagamiServer(tmp_path / "log.txt", program=STUB) as server:
        page = open_page(server.url)
        page.locator("#file").set_input_files(png_file("red.png", RED))
        expect_in_use(page, "red.png")
        go_live(page)
        await_frames(page, 5)
        wait_until(lambda: is_close(colour_of(page), RED), page)
        last = page.locator("#last-frame")
        expect(last).to_be_hidden()
        server.stop()
        expect(last).to_be_visible()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator("#hint")).to_be_hidden()  # one message is enough
        pixel = "(canvas) => [...canvas.getContext('2d').getImageData(canvas.width - 20, 20, 1, 1).data].slice(0, 3)"
        assert is_close(last.evaluate(pixel), RED)
        server.start()
        await_live(page)
        expect(last).to_be_hidden(timeout=CONDITION_TIMEOUT_MS)
        expect(page.get_by_role("alert")).to_be_hidden()
        await_frames(page, 5)


def test_a_frame_that_is_black_all_over_is_not_kept(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    kept = page.evaluate(
        """async () => {
            const { LastFrame } = await import('/last_frame.js');
            const lastFrame = new LastFrame();
            const shown = document.createElement('canvas');
            [shown.width, shown.height] = [64, 32];
            for (const colour of ['#f00', '#010101']) {
                const context = shown.getContext('2d');
                context.fillStyle = colour;
                context.fillRect(0, 0, shown.width, shown.height);
                lastFrame.copiedAt = -Infinity;
                lastFrame.update(shown, shown);
            }
            return [...lastFrame.canvas.getContext('2d').getImageData(32, 16, 1, 1).data];
        }"""
    )
    assert kept == [255, 0, 0, 255]
