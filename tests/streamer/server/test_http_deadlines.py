"""Slow headers and bodies over real sockets: they are dropped, shut nobody out and do not delay the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from streamer.server import http_deadlines
from tests.support.page import MESSAGE_TIMEOUT_S, FakeCamera, Page, serving, socket_url
from tests.support.server_checks import http_request

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HALF_HEADERS = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


@contextlib.asynccontextmanager
async def slow_requests(address: str, count: int, text: bytes) -> AsyncIterator[list[Streams]]:
    """Connections that send `text` and then nothing."""
    url = urlsplit(address)
    opened = [await asyncio.open_connection(url.hostname, url.port) for _ in range(count)]
    for _, writer in opened:
        writer.write(text)
    try:
        yield opened
    finally:
        for _, writer in opened:
            writer.close()


async def wait_for_end(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(ConnectionResetError):
        return await asyncio.wait_for(reader.read(), MESSAGE_TIMEOUT_S)
    return b""


@pytest.mark.parametrize("text", [b"", HALF_HEADERS])
async def test_connection_without_whole_headers_is_closed(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_deadlines, "HEADER_TIMEOUT_S", 0.5)
    monkeypatch.setattr(http_deadlines, "CHECK_PERIOD_S", 0.1)
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        async with slow_requests(address, 3, text) as slow:
            assert [await wait_for_end(reader) for reader, _ in slow] == [b""] * 3
        await page.wait_for_frames(30)  # a WebSocket has no such deadline


async def test_request_with_a_slow_body_is_closed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_deadlines, "REQUEST_TIMEOUT_S", 0.5)
    monkeypatch.setattr(http_deadlines, "CHECK_PERIOD_S", 0.1)
    async with serving() as (address, _), Page(socket_url(address)) as page:
        session = (await page.hello())["session"]
        async with slow_requests(address, 1, half_upload(session)) as ((reader, _),):
            await wait_for_end(reader)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def half_upload(session: str) -> bytes:
    return f"PUT /api/picture?session={session} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\nx".encode()


async def test_slow_requests_shut_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_deadlines, "MAX_CONNECTIONS", 20)
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        async with slow_requests(address, 40, HALF_HEADERS) as slow:
            assert (await http_request(address, "GET", "/api/health")).status_code == 200
            assert await wait_for_end(slow[0][0]) == b""  # the oldest was closed
            await page.wait_for_frames(10)


async def test_slow_requests_do_not_delay_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async with contextlib.AsyncExitStack() as stack, serving() as (address, _):  # the requests outlive the server
        page = await stack.enter_async_context(Page(socket_url(address)))
        session = (await page.hello())["session"]
        for text in (HALF_HEADERS, half_upload(session)):
            await stack.enter_async_context(slow_requests(address, 5, text))
        await asyncio.sleep(0.3)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
