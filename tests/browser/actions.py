"""What people do on the page and what they see there, for tests to say in one word."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.conftest import SLOW

_COLOUR = """
(selector) => {
  const video = document.querySelector(selector);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d');
  context.drawImage(video, video.videoWidth * 0.75, video.videoHeight * 0.25, 8, 8, 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}
"""
_FRAMES = """
([selector, count]) => new Promise((done) => {
  const video = document.querySelector(selector);
  const next = () => (--count < 0 ? done(true) : video.requestVideoFrameCallback(next));
  next();
})
"""


def go_live(page: Page) -> None:
    """Press Start and wait for the avatar."""
    page.get_by_role("button", name="Start").click()
    await_live(page)


def await_live(page: Page) -> None:
    page.wait_for_selector("body[data-live=live][data-link=open]")


def await_frames(page: Page, count: int = 3, video: str = "#avatar") -> None:
    """Until so many new frames were shown."""
    assert page.evaluate(_FRAMES, [video, count])


def colour_of(page: Page, video: str = "#avatar") -> list[int]:
    """[r, g, b] of a spot in the right half of the video, where the stub paints the picture's mean colour."""
    colour: list[int] = page.evaluate(_COLOUR, video)
    return colour


def near(colour: list[int], wanted: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 24 for a, b in zip(colour, wanted, strict=True))


def until(condition: Callable[[], bool], page: Page) -> None:
    """Wait for something that the page does not show as an element."""
    deadline = time.monotonic() + SLOW / 1000
    while not condition():
        assert time.monotonic() < deadline, "this did not come true in time"
        page.wait_for_timeout(100)


def picture(name: str, rgb: tuple[int, int, int]) -> dict[str, Any]:
    """A PNG of one colour, as Playwright puts it into a file chooser."""
    image = np.full((256, 256, 3), rgb[::-1], np.uint8)
    return {"name": name, "mimeType": "image/png", "buffer": cv2.imencode(".png", image)[1].tobytes()}


def said(page: Page) -> list[dict[str, Any]]:
    """Every message that the page sends from now on; call before the page is opened or reloaded."""
    messages: list[dict[str, Any]] = []

    def note(text: str | bytes) -> None:
        messages.append(json.loads(text))

    page.on("websocket", lambda socket: socket.on("framesent", note))
    return messages


def wishes(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What the page has asked for by `control` messages, the last word on each."""
    controls = [message for message in messages if message["type"] == "control"]
    return {name: value for message in controls for name, value in message.items() if name != "type"}


def expect_words(page: Page, words: str) -> None:
    """The page's message, announced as an alert."""
    expect(page.get_by_role("alert")).to_contain_text(words)
