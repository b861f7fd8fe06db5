"""A background of the page's own over HTTP: taken, shown, taken away, refused, freed."""

import asyncio
import weakref
from pathlib import Path

import httpx
import numpy as np
import pytest

from streamer.rigging.backdrop import Backdrop
from streamer.server.app import Server
from tests.support.clips import make_video
from tests.support.page import FakeCamera, Page, serving, socket_url
from tests.support.server_checks import http_request, png, wait_for_colour, wait_until_settled

AVATAR_COLOUR = (200, 120, 40)


async def send(address: str, session: str, data: bytes, method: str = "PUT") -> httpx.Response:
    return await http_request(address, method, f"/api/background?session={session}&name=wall.png", content=data)


async def test_a_picture_is_shown_while_live_and_goes_when_it_is_taken_away() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        session = (await page.hello())["session"]
        await page.start(FakeCamera())
        await page.wait_for_frames(1)
        before = page.avatar_rgb()[64, 100].tolist()
        await page.send(type="control", background="picture")
        answer = await send(address, session, png((20, 60, 220)))
        assert answer.status_code == 200
        assert answer.json() == {"width": 80, "height": 80, "frames": 1, "notes": []}
        await wait_for_colour(page, (20, 60, 220))
        assert (await http_request(address, "DELETE", f"/api/background?session={session}")).status_code == 200
        await page.wait_until(
            lambda: np.abs(page.avatar_rgb()[64, 100] - np.array(before)).max() < 14, "the picture's own background"
        )


async def test_a_clip_sent_before_the_start_is_played(tmp_path: Path) -> None:
    frames = [np.full((48, 48, 3), level, np.uint8) for level in (30, 230)]
    clip = make_video(tmp_path / "clip.mp4", frames, [0, 300]).read_bytes()
    async with serving() as (address, _), Page(socket_url(address)) as page:
        session = (await page.hello())["session"]
        assert (await send(address, session, clip)).json()["frames"] == 2
        await page.send(type="control", background="picture")
        await page.start(FakeCamera())
        for level in (30, 230, 30):
            await wait_for_colour(page, (level, level, level))


@pytest.mark.parametrize(
    ("data", "code"), [(b"no picture", "picture"), (b"\0\0\0\x18ftypmp42" + b"\0" * 99, "background"), (b"", "picture")]
)
async def test_what_cannot_be_shown_is_answered_by_a_sentence_and_changes_nothing(data: bytes, code: str) -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        session = (await page.hello())["session"]
        assert (await send(address, session, png())).status_code == 200
        before = backdrop_of(server, session)
        answer = await send(address, session, data)
        assert answer.status_code == 400 and answer.json()["code"] == code and answer.json()["message"].endswith(".")
        assert backdrop_of(server, session) is before


async def test_it_needs_a_session_and_one_at_a_time() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        assert (await send(address, "nobody", png())).status_code == 404
        session = (await page.hello())["session"]
        answers = await asyncio.gather(*(send(address, session, png()) for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_it_is_freed_with_its_session() -> None:
    async with serving() as (address, server):
        async with Page(socket_url(address)) as page:
            session = (await page.hello())["session"]
            assert (await send(address, session, png())).status_code == 200
            kept = weakref.ref(backdrop_of(server, session).frames)
        await wait_until_settled(lambda: kept() is None)


def backdrop_of(server: Server, session: str) -> Backdrop:
    backdrop = server.conversations.sessions[session].controls._backdrop
    assert backdrop is not None
    return backdrop
