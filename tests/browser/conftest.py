"""A real Chromium whose camera plays the clip of a talking face. Without Chromium the tests are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.kagami import ROOT, STUB, KagamiServer
from tests.support.control_uses import record_uses

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CONDITION_TIMEOUT_MS = 90_000  # for one condition, on a busy machine of two cores
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
]
CAMERA_SLOWDOWN = 3  # each frame of the clip is shown this many times
OpenPage = Callable[..., Page]
expect.set_options(timeout=CONDITION_TIMEOUT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser test waits for many conditions, each of which may take long on a busy machine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def camera_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The driver's clip as raw video (y4m), which Chromium's fake camera loops, in slow motion.

    A machine that draws three avatar frames a second could not show a mouth that opens five times in that second.
    """
    path = tmp_path_factory.mktemp("camera") / "driver.y4m"
    with av.open(str(ROOT / "assets" / "driver.mp4")) as clip, path.open("wb") as raw:
        stream = clip.streams.video[0]
        rate = stream.average_rate or 25
        for number, frame in enumerate(clip.decode(stream)):
            rgb = frame.to_ndarray(format="rgb24")
            scale = 320 / max(rgb.shape[:2])
            size = [round(side * scale) // 2 * 2 for side in rgb.shape[1::-1]]
            rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
            if number == 0:
                height, width = rgb.shape[:2]
                raw.write(f"YUV4MPEG2 W{width} H{height} F{round(rate * 1000)}:1000 Ip A1:1 C420jpeg\n".encode())
            raw.write((b"FRAME\n" + cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420).tobytes()) * CAMERA_SLOWDOWN)
    return path


# Module scope: an open Playwright occupies the thread's event loop, which the asyncio tests of other modules need.
@pytest.fixture(scope="module")
def chromium(camera_clip: Path) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: install Debian's chromium package")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, f"--use-file-for-fake-video-capture={camera_clip}"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KagamiServer]:
    """A server with a stub pipeline, shared by all tests that leave it running. Sessions of earlier tests, which it
    keeps for a while, leave room for those of the present one.
    """
    log = tmp_path_factory.mktemp("stub") / "log.txt"
    with KagamiServer(log, "--max-sessions", "32", program=STUB) as server:
        yield server


@pytest.fixture
def open_page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Open pages that may use the camera. A script error or a breach of the content security policy fails the test;
    refused requests and a server that is away do not.
    """
    contexts = []
    console_errors: list[str] = []

    def open_one(url: str, allow: tuple[str, ...] = ("camera", "microphone"), **options: Any) -> Page:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(CONDITION_TIMEOUT_MS)
        record_uses(context, request.node)
        context.grant_permissions(list(allow))
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: console_errors.append(str(error)))
        page.on("console", lambda line: console_errors.append(line.text) if line.type == "error" else None)
        page.goto(url)
        if url != "about:blank":
            page.wait_for_selector("body[data-view]")
        return page

    yield open_one
    for context in contexts:
        context.close()
    network = ("Failed to load resource", "WebSocket connection to")
    assert [line for line in console_errors if not line.startswith(network)] == []
