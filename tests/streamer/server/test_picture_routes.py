"""The HTTP interface for the pictures of a session."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from pathlib import Path

import pytest
from PIL import Image

from streamer.rigging.picture import Picture, load_picture
from streamer.rigging.picture_process import PictureProcess
from streamer.server import uploads as uploads_module
from streamer.server.rate_limits import Limits, Rate
from streamer.settings import Settings
from tests.support.page import FakeCamera, Page, serving, socket_url
from tests.support.server_checks import http_request, png


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "picture"),
        (b"not a picture", 400, "picture"),
        (png()[:60], 400, "picture"),
        (b"\x89PNG" + b"\0" * 200_000, 413, "too-large"),
    ],
)
async def test_unusable_upload_gets_a_sentence_and_the_session_goes_on(body: bytes, status: int, code: str) -> None:
    async with serving(Settings(max_upload_mb=0.1)) as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        await page.start(FakeCamera())
        answer = await http_request(address, "PUT", "/api/picture", params={"session": ready["session"]}, content=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["message"].endswith(".")
        await page.wait_for_frames(5)


async def test_upload_to_an_unknown_session_is_answered_404() -> None:
    async with serving() as (address, _):
        answer = await http_request(address, "PUT", "/api/picture", params={"session": "x"}, content=png())
        assert answer.status_code == 404
        assert answer.json()["message"] == "This session does not exist any more: reload the page."


async def test_reference_picture_is_served_as_webp(tmp_path: Path) -> None:
    (tmp_path / "me.png").write_bytes(png())
    async with serving(Settings(ref=(tmp_path / "me.png",))) as (address, _):
        answer = await http_request(address, "GET", "/api/picture")
        assert answer.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(answer.content)).size == (80, 80)


async def test_pictures_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once: list[int] = []
    running: list[int] = []

    def decode(self: PictureProcess, data: bytes, name: str) -> Picture:
        running.append(1)
        at_once.append(len(running))
        time.sleep(0.1)
        running.pop()
        return load_picture(data, name)

    monkeypatch.setattr(PictureProcess, "load", decode)
    monkeypatch.setattr(uploads_module, "MAX_UPLOADS_PER_ADDRESS", 8)
    async with contextlib.AsyncExitStack() as stack:
        address, _ = await stack.enter_async_context(serving(limits=Limits(uploads=(Rate(9, 9), Rate(9, 9)))))
        sessions = [
            (await (await stack.enter_async_context(Page(socket_url(address)))).hello())["session"] for _ in range(6)
        ]
        uploads = [
            http_request(address, "PUT", "/api/picture", params={"session": session}, content=png())
            for session in sessions
        ]
        assert {answer.status_code for answer in await asyncio.gather(*uploads)} == {202}
    assert at_once == [1] * 6
