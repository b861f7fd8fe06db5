"""The page in a real Chromium with a camera of its own making, and when it showed each frame of the avatar."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
from types import TracebackType
from typing import Any

from streamer.errors import KagamiError

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
LIVE_TIMEOUT_MS = 120_000
NOTE_FRAMES = """
() => {
  const video = document.querySelector('#avatar');
  window.shownAt = [];
  const note = (now) => {
    shownAt.push(now / 1000);
    video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
}
"""


class NoBrowserError(KagamiError):
    """There is no browser to measure with."""

    code = "browser"

    def __init__(self) -> None:
        super().__init__('There is no browser here: install Chromium and pip install "kagami[test]", or go without it.')


class BrowserPage:
    """`async with BrowserPage(url) as page`: live on entering. moves: how often the server told it to offer anew.

    Raises NoBrowserError on entering.
    """

    def __init__(self, url: str) -> None:
        self.moves = -1  # the first `ready` is none
        self._url = url

    async def __aenter__(self) -> BrowserPage:
        if CHROMIUM is None or importlib.util.find_spec("playwright") is None:
            raise NoBrowserError
        from playwright.async_api import async_playwright  # noqa: PLC0415 - of the extra [test]

        self._playwright = await async_playwright().start()
        try:
            self._browser = await self._playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            context = await self._browser.new_context(permissions=["camera", "microphone"])
            context.set_default_timeout(LIVE_TIMEOUT_MS)
            self._tab = await context.new_page()
            self._tab.on("websocket", lambda socket: socket.on("framereceived", self._on_message))
            await self._tab.goto(self._url)
            await self._tab.get_by_role("button", name="Start").click()
            await self._tab.wait_for_selector("body[data-live=live][data-link=open]")
            await self._tab.evaluate(NOTE_FRAMES)
        except BaseException:
            await self._playwright.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._browser.close()
        await self._playwright.stop()

    def _on_message(self, text: Any) -> None:
        self.moves += '"type":"ready"' in str(text).replace(" ", "")

    async def longest_gap_s(self) -> float:
        """The longest time between two frames that it showed one after the other, seconds."""
        shown: list[float] = await self._tab.evaluate("() => shownAt")
        return max((after - before for before, after in itertools.pairwise(shown)), default=float("nan"))
