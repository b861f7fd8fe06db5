"""User actions on the page, and conditions that the tests wait for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.conftest import CONDITION_TIMEOUT_MS

JUMP_S = 10.0  # of a page's clock that is stopped: more than it takes to ask for it
COLOUR = """
(selector) => {
  const video = document.querySelector(selector);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d');
  context.drawImage(video, video.videoWidth * 0.75, video.videoHeight * 0.25, 8, 8, 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}
"""
NEXT_FRAMES = """
([selector, count, timeoutMs]) => new Promise((done) => {
  const video = document.querySelector(selector);
  setTimeout(() => done(false), timeoutMs);
  const next = () => (--count < 0 ? done(true) : video.requestVideoFrameCallback(next));
  next();
})
"""


def go_live(page: Page) -> None:
    """Press Start and wait for the avatar."""
    page.get_by_role("button", name="Start").click()
    await_live(page)


def await_live(page: Page) -> None:
    """Wait until avatar frames are shown and the WebSocket is open."""
    page.wait_for_selector("body[data-live=live][data-link=open]")


def await_frames(page: Page, count: int = 3, video: str = "#avatar") -> None:
    """Wait until `count` new frames of the video were shown."""
    assert page.evaluate(NEXT_FRAMES, [video, count, CONDITION_TIMEOUT_MS]), "the video stands still"


def colour_of(page: Page, video: str = "#avatar") -> list[int]:
    """Mean [r, g, b] of 8 x 8 pixels in the right half of the video, which the stub fills with the picture's mean."""
    colour: list[int] = page.evaluate(COLOUR, video)
    return colour


def is_close(colour: list[int], expected: tuple[int, int, int]) -> bool:
    """Whether each channel differs by less than video coding changes it: 24 of 255."""
    return all(abs(a - b) < 24 for a, b in zip(colour, expected, strict=True))


def wait_until(condition: Callable[[], bool], page: Page) -> None:
    """Wait for a condition that no element of the page shows; a failure tells what the page shows then."""
    deadline = time.monotonic() + CONDITION_TIMEOUT_MS / 1000
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"the condition did not become true in time; the page: {page.locator('body').aria_snapshot()}")
        page.wait_for_timeout(100)


def png_file(name: str, rgb: tuple[int, int, int]) -> dict[str, Any]:
    """A PNG of one colour, as Playwright puts it into a file chooser."""
    image = np.full((256, 256, 3), rgb[::-1], np.uint8)
    return {"name": name, "mimeType": "image/png", "buffer": cv2.imencode(".png", image)[1].tobytes()}


def sent_messages(page: Page) -> list[dict[str, Any]]:
    """A list that receives every message that the page sends; call before the page is opened or reloaded."""
    messages: list[dict[str, Any]] = []

    def append(text: str | bytes) -> None:
        messages.append(json.loads(text))

    page.on("websocket", lambda socket: socket.on("framesent", append))
    return messages


def changing_messages(
    change: Callable[[dict[str, Any]], None], sent: list[dict[str, Any]] | None = None
) -> Callable[[WebSocketRoute], None]:
    """A handler for `route_web_socket` that lets `change` alter each message of the server on its way to the page, and
    appends what the page sends to `sent`.
    """

    def handle(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_page(text: str | bytes) -> None:
            message = json.loads(text)
            change(message)
            socket.send(json.dumps(message))

        def to_server(text: str | bytes) -> None:
            if sent is not None:
                sent.append(json.loads(text))
            server.send(text)

        socket.on_message(to_server)
        server.on_message(to_page)

    return handle


def pass_sockets(page: Page) -> list[WebSocketRoute]:
    """Let the page's WebSockets through; they come into the list, to be closed or to send what the server did not."""
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    page.route_web_socket("**/*", connect)
    return sockets


def hold_requests(page: Page, path: str, method: str) -> list[Route]:
    """Keep the page's scripts waiting for the answer to each request of this method to this endpoint: the list receives
    them. Its images come.
    """
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == method and route.request.resource_type == "fetch":
            held.append(route)
        else:
            route.fallback()

    page.route(lambda url: url.partition("?")[0].endswith(path), hold)
    return held


def answer_held(page: Page, route: Route) -> None:
    """Let the page have what `hold_requests` held, and do with it what it does."""
    with page.expect_response(lambda response: response.request == route.request) as response:
        route.continue_()
    response.value.finished()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def stop_clock(page: Page) -> None:
    """Stop the timers of a page whose `clock` was installed: what it shows for a while stays until `clock.run_for`.
    What comes from the server still comes.
    """
    page.clock.pause_at(page.evaluate("() => Date.now()") / 1000 + JUMP_S)


def record_texts(page: Page, selector: str) -> None:
    """Keep all texts that an element shows from now on, since some pass sooner than a busy machine looks; see
    `shown_texts`.
    """
    page.locator(selector).evaluate(
        """(element) => {
          window.shownTexts = [];
          const note = () => element.checkVisibility() && shownTexts.push(element.textContent);
          new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
        }"""
    )


def shown_texts(page: Page) -> list[str]:
    """The texts of `record_texts`, oldest first, none twice in a row."""
    texts: list[str] = page.evaluate("() => shownTexts.filter((text, index) => text !== shownTexts[index - 1])")
    return texts


def sent_controls(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The fields of all `control` messages, with the last value of each."""
    controls = [message for message in messages if message["type"] == "control"]
    return {name: value for message in controls for name, value in message.items() if name != "type"}


def expect_alert(page: Page, text: str) -> None:
    """Expect a notice of the page, which is announced as an alert, to contain this text."""
    expect(page.get_by_role("alert")).to_contain_text(text)


def expect_in_use(page: Page, name: str) -> None:
    """Expect the picture of this name to be prepared and in use, and not its predecessor to be in use again."""
    expect(page.locator("#picture-name")).to_have_text(name)
    expect(page.locator("#picture-stage")).to_have_text("In use")
    notices = page.get_by_role("alert").all_inner_texts()
    expect(page.locator("#picture-name"), f"the picture in use; notices: {notices}").to_have_text(name)
