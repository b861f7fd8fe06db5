"""The output of `--publish` beside live sessions."""

from __future__ import annotations

import asyncio
import socket

import pytest

from streamer.server.publishing import publish_feed
from streamer.settings import Settings
from tests.support.page import UNLIMITED, FakeCamera, Page, serving, socket_url
from tests.support.server_checks import wait_for_brightness, wait_until_settled


async def test_newest_avatar_is_published_with_its_sound() -> None:
    lines: list[str] = []
    async with serving(Settings(whip=True), limits=UNLIMITED) as (target, media), serving() as (address, server):
        settings = Settings(publish=f"{target}/whip/here")
        feed = publish_feed(settings, server.engine, 128, 128, lines.append)
        await asyncio.to_thread(feed.turn_on)
        assert len(server.engine.watchers) == 2  # frames and sound
        async with Page(socket_url(address)) as page:
            await page.hello()
            await page.start(FakeCamera(90))
            await wait_until_settled(lambda: media.engine.session_count == 1 and len(lines) >= 1)
        await asyncio.to_thread(feed.turn_off)
        assert not len(server.engine.watchers)


async def test_media_server_that_is_not_there_harms_no_live_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.webrtc.whip_output.FIRST_RETRY_S", 0.02)
    lines: list[str] = []
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{unused.getsockname()[1]}"
        async with serving() as (address, server), Page(socket_url(address)) as page:
            feed = publish_feed(Settings(publish=f"http://{at}/whip/key"), server.engine, 128, 128, lines.append)
            await asyncio.to_thread(feed.turn_on)
            await page.hello()
            await page.start(FakeCamera(90))
            await wait_for_brightness(page, 90)
            await page.wait_until(lambda: bool(lines), "the sentence")
            await page.wait_for_frames(20)
            assert lines == [f"cannot publish to {at}, trying again: it does not answer (Connection refused)"]
            await asyncio.to_thread(feed.turn_off)
