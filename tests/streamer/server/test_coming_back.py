"""A page that comes back to its session after its WebSocket closed, over real WebRTC; tracking and drawing fakes."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from streamer.server import kept_sessions
from streamer.settings import Settings
from tests.support.fakes import FakeTracker
from tests.support.page import FakeCamera, Page, serving, socket_url
from tests.support.server_checks import png, wait_until_settled

SECRET = "q3J5rX0b9Qy1xT7uJ5mW2R"


class CountedTracker(FakeTracker):
    """made: how many trackers were made, and so how often a neutral was begun."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        CountedTracker.made += 1


async def test_page_that_comes_back_goes_on_with_picture_controls_and_neutral() -> None:
    CountedTracker.made = 0
    async with serving(tracker=CountedTracker) as (address, server):
        async with Page(socket_url(address)) as page:
            first = await page.hello(resume=SECRET)
            assert not first["resumed"]
            await page.start(FakeCamera())
            await page.send(type="control", head=1.5, mirror=False)
            async with httpx.AsyncClient() as http:
                url = f"{address}/api/picture?session={first['session']}&name=red.png"
                assert (await http.put(url, content=png((200, 30, 30)))).status_code == 202
            await page.receive("picture-status", stage="ready")
            await page.wait_for_frames(3)
        assert server.engine.session_count == 1, "the session is not kept"
        async with Page(socket_url(address)) as page:
            again = await page.hello(resume=SECRET)
            assert again["resumed"] and again["session"] == first["session"]
            assert again["picture"]["name"] == "red.png"
            assert (again["controls"]["head"], again["controls"]["mirror"]) == (1.5, False)
            await page.start(FakeCamera())
            await page.receive("state", phase="live")  # said anew, since this page does not know it
            await page.wait_for_frames(3)
            await page.wait_until(lambda: page.avatar_rgb()[10, -10, 0] > 150 > page.avatar_rgb()[10, -10, 2])
            assert server.engine.session_count == 1 and CountedTracker.made == 1
            await page.send(type="bye")
            await page.closed.wait()
        await wait_until_settled(lambda: server.engine.session_count == 0)
        async with Page(socket_url(address)) as page:
            assert not (await page.hello(resume=SECRET))["resumed"], "`bye` does not end the session"


async def test_bye_and_a_new_hello_at_once_begin_a_new_session() -> None:
    async with (
        serving() as (address, server),
        Page(socket_url(address)) as before,
        Page(socket_url(address)) as after,
    ):
        await before.hello(resume=SECRET)
        await before.start(FakeCamera())
        await before.wait_for_frames(2)
        await before.send(type="bye")  # the session takes a while to end
        assert not (await after.hello(resume=SECRET))["resumed"]
        await after.start(FakeCamera())
        await after.wait_for_frames(2)
        await before.closed.wait()
        assert server.engine.session_count == 1


async def test_session_is_kept_for_nobody_else() -> None:
    async with serving() as (address, _):
        async with Page(socket_url(address)) as page:
            await page.hello(resume=SECRET)
            await page.start(FakeCamera())
        for extra in ({"resume": SECRET[::-1]}, {}):
            async with Page(socket_url(address)) as stranger:
                assert not (await stranger.hello(**extra))["resumed"]


async def test_session_without_a_secret_ends_with_its_websocket() -> None:
    async with serving() as (address, server):
        async with Page(socket_url(address)) as page:
            await page.hello()
            await page.start(FakeCamera())
        await wait_until_settled(lambda: server.engine.session_count == 0)


async def test_kept_session_gives_its_place_to_the_next_person() -> None:
    async with serving(Settings(max_sessions=1)) as (address, server):
        async with Page(socket_url(address)) as page:
            await page.hello(resume=SECRET)
            await page.start(FakeCamera())
        async with Page(socket_url(address)) as other:
            await other.hello()
            await other.start(FakeCamera())
            await other.wait_for_frames(2)
            assert server.engine.session_count == 1
            async with Page(socket_url(address)) as page:
                assert not (await page.hello(resume=SECRET))["resumed"]


async def test_websocket_that_has_gone_unnoticed_is_taken_over() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as before:
        first = await before.hello(resume=SECRET)
        await before.start(FakeCamera())
        async with Page(socket_url(address)) as page:
            assert (await page.hello(resume=SECRET))["session"] == first["session"]
            await before.receive("error", code="taken-over", fatal=True)
            await page.start(FakeCamera())
            await page.wait_for_frames(3)
            assert server.engine.session_count == 1


async def test_kept_sessions_end_with_the_server_and_after_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept_sessions.KEEP_S == 30
    async with serving() as (address, server):
        server.conversations._kept._keep_s = 0.05
        async with Page(socket_url(address)) as page:
            await page.hello(resume=SECRET)
            await page.start(FakeCamera())
        await wait_until_settled(lambda: server.engine.session_count == 0)
        server.conversations._kept._keep_s = 60
        async with Page(socket_url(address)) as page:
            await page.hello(resume=SECRET)
            await page.start(FakeCamera())
        await asyncio.sleep(0)
        assert server.engine.session_count == 1
    assert server.engine.session_count == 0
