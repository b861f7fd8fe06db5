"""The output of `--publish` beside live sessions."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys

import httpx
import pytest

from streamer.engine.engine import Engine
from streamer.errors import OutputError
from streamer.outputs import srt_library
from streamer.server import publishing
from streamer.server.publishing import check_publishing, publish_feeds
from streamer.settings import Settings
from tests.support.fakes import FakePipeline, FakeTracker
from tests.support.page import UNLIMITED, FakeCamera, Page, serving, socket_url
from tests.support.server_checks import wait_for_brightness, wait_until_settled
from tests.support.stream_receiver import Decoded, RtmpReceiver


async def test_newest_avatar_is_published_with_its_sound() -> None:
    lines: list[str] = []
    async with serving(Settings(whip=True), limits=UNLIMITED) as (target, media), serving() as (address, server):
        settings = Settings(publish=f"{target}/whip/here")
        feed = publish_feeds(settings, server.engine, 128, 128, lines.append)[0].feed
        await asyncio.to_thread(feed.turn_on)
        assert len(server.engine.watchers) == 2  # frames and sound
        async with Page(socket_url(address)) as page:
            await page.hello()
            await page.start(FakeCamera(90))
            await wait_until_settled(lambda: media.engine.session_count == 1 and len(lines) >= 1)
        await asyncio.to_thread(feed.turn_off)
        assert not len(server.engine.watchers)


async def test_media_server_that_is_not_there_harms_no_live_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.webrtc.attempts.FIRST_RETRY_S", 0.02)
    lines: list[str] = []
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{unused.getsockname()[1]}"
        async with serving() as (address, server), Page(socket_url(address)) as page:
            feed = publish_feeds(Settings(publish=f"http://{at}/whip/key"), server.engine, 128, 128, lines.append)[
                0
            ].feed
            await asyncio.to_thread(feed.turn_on)
            await page.hello()
            await page.start(FakeCamera(90))
            await wait_for_brightness(page, 90)
            await page.wait_until(lambda: bool(lines), "the sentence")
            await page.wait_for_frames(20)
            assert lines == [f"cannot publish to {at}, trying again: it does not answer (Connection refused)"]
            await asyncio.to_thread(feed.turn_off)


def is_of_the_camera(decoded: Decoded) -> bool:
    """Whether the newest picture shows the brightness of `FakeCamera(90)`."""
    return decoded.newest is not None and bool(abs(decoded.newest[:, :60].mean() - 90) < 12)


async def test_newest_avatar_goes_to_an_rtmp_server_and_no_secret_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[str] = []
    with RtmpReceiver() as receiver:
        async with serving(Settings(publish=receiver.url)) as (address, server), Page(socket_url(address)) as page:
            feed = publish_feeds(Settings(publish=receiver.url), server.engine, 128, 128, lines.append)[0].feed
            await asyncio.to_thread(feed.turn_on)
            assert len(server.engine.watchers) == 2  # frames and sound
            await page.hello()
            await page.start(FakeCamera(90))
            await asyncio.to_thread(receiver.wait_for_frames, 10, 200)
            await asyncio.to_thread(receiver.wait_for, is_of_the_camera)
            async with httpx.AsyncClient() as client:
                metrics = (await client.get(f"{address}/metrics")).text
            await asyncio.to_thread(feed.turn_off)
            assert not len(server.engine.watchers)
    assert lines[-1] == f"publishing the avatar to 127.0.0.1:{receiver.port}"
    assert "kagami" in metrics
    for text in (caplog.text, metrics, *lines, *map(repr, page.messages)):
        assert "s3cret" not in text


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (
            "rtmp://192.0.2.1/app/s3cret",
            "the stream key goes to 192.0.2.1:1935 in the clear: use rtmps:// where the server has it",
        ),
        ("srt://[2001:db8::1]:9", "the avatar goes to [2001:db8::1]:9 in the clear: use a passphrase"),
    ],
)
def test_start_tells_what_others_can_read(url: str, line: str) -> None:
    lines: list[str] = []
    publish_feeds(Settings(publish=url), Engine(FakePipeline(), FakeTracker), 128, 128, lines.append)
    assert lines == [line]


def test_start_tells_who_can_receive_ndi() -> None:
    lines: list[str] = []
    engine = Engine(FakePipeline(), FakeTracker)
    assert len(publish_feeds(Settings(ndi=""), engine, 128, 128, lines.append)) == 1
    assert lines == ["everybody in this network can receive the NDI source 'Kagami': docs/outputs.md"]


def test_ndi_without_its_package_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyndilib.sender", None)
    with pytest.raises(OutputError, match="NDI needs cyndilib"):
        check_publishing(Settings(ndi=""))


def test_srt_without_its_library_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(publish="srt://127.0.0.1:9")
    monkeypatch.setattr(srt_library, "_NAMES", {"linux": ("libnothere.so",)})
    monkeypatch.setattr(publishing, "srt_library", lambda: srt_library.srt_library.__wrapped__("linux"))
    with pytest.raises(OutputError) as caught:
        check_publishing(settings)
    assert str(caught.value) == (
        "SRT needs the library libsrt, which is not there: run `sudo apt install libsrt1.5-gnutls` (Debian, Ubuntu; "
        "FFmpeg and OBS bring it, too) and start again."
    )
    check_publishing(Settings())
    check_publishing(Settings(publish="rtmp://127.0.0.1/live/key"))
