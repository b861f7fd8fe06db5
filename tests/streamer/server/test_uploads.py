"""How many uploads a server takes at once, and how often, over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request

from streamer.rigging.picture_process import PictureProcess
from streamer.server.rate_limits import Limits, Rate
from streamer.server.uploads import MAX_UPLOADS_PER_ADDRESS, Uploads
from tests.support.page import Page, serving, socket_url
from tests.support.server_checks import http_request, png, wait_until_settled


async def test_uploads_beyond_the_rate_are_answered_429_before_they_are_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: list[str] = []
    load = PictureProcess.load
    monkeypatch.setattr(PictureProcess, "load", lambda self, data, name: decoded.append(name) or load(self, data, name))
    async with (
        serving(limits=Limits(uploads=(Rate(100, 1), Rate(1, 0.01)))) as (address, _),
        Page(socket_url(address)) as page,
    ):
        params = {"session": (await page.hello())["session"]}
        first = await http_request(address, "PUT", "/api/picture", params=params, content=png())
        await page.receive("picture-status", stage="ready")
        second = await http_request(address, "PUT", "/api/picture", params=params, content=png())
        assert (first.status_code, second.status_code) == (202, 429)
        assert second.json()["code"] == "too-fast" and len(decoded) == 1


async def test_second_upload_of_a_session_is_busy_before_its_body_is_read() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        params = {"session": (await page.hello())["session"]}
        go_on = asyncio.Event()

        async def slow_body() -> AsyncIterator[bytes]:
            yield png()[:10]
            await go_on.wait()
            yield png()[10:]

        slow = asyncio.create_task(http_request(address, "PUT", "/api/picture", params=params, content=slow_body()))
        pictures = server.conversations.sessions[params["session"]].pictures
        await wait_until_settled(lambda: pictures.is_busy)
        busy = await http_request(address, "PUT", "/api/picture", params=params, content=b"not a picture")
        assert (busy.status_code, busy.json()["code"]) == (409, "busy")
        go_on.set()
        assert (await slow).status_code == 202


async def test_uploads_of_one_address_at_once_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request] = []
    place = Uploads.place
    monkeypatch.setattr(Uploads, "place", lambda self, request: asked.append(request) or place(self, request))
    limits = Limits(uploads=(Rate(100, 1), Rate(100, 1)))
    async with contextlib.AsyncExitStack() as stack:
        address, _ = await stack.enter_async_context(serving(limits=limits))
        pages = [await stack.enter_async_context(Page(socket_url(address))) for _ in range(4)]
        go_on = asyncio.Event()

        async def slow_body() -> AsyncIterator[bytes]:
            await go_on.wait()
            yield png()

        uploads = [
            asyncio.create_task(
                http_request(
                    address, "PUT", "/api/picture", params={"session": (await page.hello())["session"]},
                    content=slow_body(),
                )
            )
            for page in pages
        ]  # fmt: skip
        await wait_until_settled(lambda: len(asked) == 4)  # httpx reads an answer only after it has sent the body
        go_on.set()
        statuses = sorted([(await upload).status_code for upload in uploads])
        assert statuses == [202] * MAX_UPLOADS_PER_ADDRESS + [409] * (4 - MAX_UPLOADS_PER_ADDRESS)
