"""Whole sessions: real WebSocket, real WebRTC, one process; only tracking and drawing are stubs."""

from __future__ import annotations

import asyncio

import numpy as np

from streamer.settings import Settings
from tests.fakes import FakePerformer
from tests.page import FakeCamera, Page, serving, socket_url


async def test_the_avatar_follows_the_camera() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        ready = await page.greet()
        assert ready["video"] == {"width": 128, "height": 128, "fps": 30.0}
        camera = FakeCamera(brightness=200)
        await page.start(camera)
        await page.frames(10)
        await page.until(lambda: abs(page.picture()[:, :60].mean() - 200) < 12, "the brightness of the camera")
        camera.brightness = 60
        await page.until(lambda: abs(page.picture()[:, :60].mean() - 60) < 12, "the new brightness")
        assert np.abs(page.picture()[:, 68:].reshape(-1, 3).mean(0) - (200, 120, 40)).max() < 12
        stats = await page.hear("stats", 2)
        assert stats["fps"]["out"] > 0 and {"decode", "track", "draw", "encode"} <= stats["stage_ms"].keys()
