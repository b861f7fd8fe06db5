"""How the WebSocket of a page begins, ends and fails, over real WebRTC; only tracking and drawing are fakes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import threading
import time
from pathlib import Path

import httpx
import pytest
from aiortc import AudioStreamTrack, RTCConfiguration, RTCPeerConnection
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from streamer.server import conversation
from streamer.server import session as session_module
from streamer.server.rate_limits import Limits, Rate
from streamer.settings import Settings
from tests.support.fakes import FakeAvatar, FakePipeline, FakeTracker
from tests.support.page import MESSAGE_TIMEOUT_S, UNLIMITED, FakeCamera, Page, serving, socket_url
from tests.support.server_checks import http_request, png, wait_for_brightness, wait_until_settled

FIXTURE = json.loads((Path(__file__).parents[2] / "fixtures" / "protocol.json").read_text())


async def test_page_without_hello_is_closed_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "HELLO_TIMEOUT_S", 0.2)
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        assert page.messages == []


async def test_pages_beyond_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "MAX_EXTRA_PAGES", 0)
    async with (
        serving(Settings(max_sessions=1)) as (address, _),
        Page(socket_url(address)) as first,
    ):
        await first.hello()
        await first.start(FakeCamera())
        async with Page(socket_url(address)) as second:
            await second.receive("error", code="full", fatal=True)
        await first.wait_for_frames(5)


async def test_newcomer_takes_the_place_of_the_oldest_silent_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "MAX_EXTRA_PAGES", 3)
    async with serving(Settings(max_sessions=1)) as (address, server), contextlib.AsyncExitStack() as stack:
        live, *silent = [await stack.enter_async_context(Page(socket_url(address))) for _ in range(4)]
        await live.hello()
        await live.start(FakeCamera())
        for page in silent:
            await page.hello()
        newcomer = await stack.enter_async_context(Page(socket_url(address)))
        await newcomer.hello()
        error = await silent[0].receive("error", fatal=True)
        assert error["code"] == "full" and error["message"].startswith("Too many pages are open without a camera")
        await live.wait_for_frames(5)
        await silent[1].send(type="control", head=3)
        await silent[1].receive("error", code="protocol")
        assert len(server.conversations) == 4


async def test_silent_pages_of_one_address_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "MAX_SILENT_PER_ADDRESS", 2)
    async with serving() as (address, server), contextlib.AsyncExitStack() as stack:
        first, *_ = [await stack.enter_async_context(Page(socket_url(address))) for _ in range(3)]
        await first.receive("error", code="full", fatal=True)
        await wait_until_settled(lambda: len(server.conversations) == 2)


async def test_page_without_an_offer_is_closed_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "OFFER_TIMEOUT_S", 2.0)
    async with (
        serving() as (address, _),
        Page(socket_url(address)) as silent,
        Page(socket_url(address)) as live,
    ):
        await silent.hello()
        await live.hello()
        await live.start(FakeCamera())
        await asyncio.wait_for(silent.closed.wait(), MESSAGE_TIMEOUT_S)
        await live.wait_for_frames(30)


async def test_websockets_beyond_the_rate_are_refused() -> None:
    async with (
        serving(limits=Limits(conversations=(Rate(100, 1), Rate(1, 0.01)))) as (address, _),
        Page(socket_url(address)) as page,
    ):
        with pytest.raises(InvalidStatus):
            await connect(socket_url(address))
        await page.hello()


async def test_refused_offer_takes_no_place_and_starts_no_tracker() -> None:
    made: list[FakeTracker] = []

    def make() -> FakeTracker:
        made.append(FakeTracker())
        return made[-1]

    async with (
        serving(Settings(max_sessions=1), tracker=make) as (address, server),
        Page(socket_url(address)) as bad,
        Page(socket_url(address)) as good,
    ):
        await bad.hello()
        for count in range(1, 4):
            await bad.send(type="offer", sdp="v=0")
            await bad.receive("error", count, code="negotiation")
        assert server.engine.session_count == 0 and not made
        await good.hello()
        await good.start(FakeCamera())
        await good.wait_for_frames(5)
        assert len(made) == 1


async def test_offers_without_a_connection_start_no_tracker() -> None:
    made: list[FakeTracker] = []
    limits = Limits(offers=(Rate(9, 9), Rate(9, 9)))
    async with serving(tracker=lambda: made.append(FakeTracker()) or made[-1], limits=limits) as (address, server):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.addTransceiver(FakeCamera(), "sendrecv")
        offer = await peer.createOffer()
        for _ in range(6):
            async with Page(socket_url(address)) as page:
                await page.hello()
                await page.send(type="offer", sdp=offer.sdp)
                await page.receive("answer")
        await peer.close()
        await wait_until_settled(lambda: server.engine.session_count == 0)
        assert not made


async def test_quick_visits_never_have_more_trackers_than_sessions() -> None:
    running: list[int] = []
    most: list[int] = [0]

    class Slow(FakeTracker):
        def __init__(self) -> None:
            super().__init__()
            running.append(1)
            most.append(len(running))

        def close(self) -> None:
            time.sleep(0.5)
            running.pop()

    limits = Limits(offers=(Rate(99, 9), Rate(99, 9)), trackers=(Rate(99, 9), Rate(99, 9)))
    async with serving(Settings(max_sessions=2), tracker=Slow, limits=limits) as (address, _):

        async def visit() -> None:
            async with Page(socket_url(address)) as page:
                await page.hello()
                await page.start(FakeCamera())
                await page.wait_for_frames(1)

        for _ in range(3):
            await asyncio.gather(visit(), visit())
        await wait_until_settled(lambda: not running)
    assert max(most) == 2


async def test_message_above_the_websocket_limit_closes_the_websocket() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        await page.send_text("x" * 400_000)
        await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        await page.wait_until(lambda: not server.conversations.sessions, "the end of the session")


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "Via"])
async def test_viewer_who_comes_through_a_proxy_is_refused(header: str) -> None:
    """A proxy on this machine makes everybody's address a loopback one."""
    through_proxy = {header: "for=192.0.2.7"}
    async with serving() as (address, _), Page(socket_url(address), additional_headers=through_proxy) as page:
        await page.send(type="hello", protocol=1, watch=True)
        error = await page.receive("error", fatal=True)
        assert error["message"] == ("The output view opens only on the server's own machine: open the page without it.")


async def test_wrong_messages_are_answered_and_change_nothing() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.send(type="control", mirror=True)
        await page.receive("error", message="The first message must be 'hello': reload the page.")
        await page.hello()
        await page.start(FakeCamera(70))
        await page.wait_for_frames(2)
        wrong = ["{", "[]", json.dumps({"type": "nonsense"}), b"\x00", "x" * 100_000, '{"type":"control","head":9}']
        wrong += [
            '{"type":"control","head":' + "9" * 309 + "}",
            '{"type":"candidate","candidate":"candidate:1 1 udp x","sdpMid":"0"}',
        ]
        for text in wrong:
            await page.send_text(text)
        await page.wait_until(
            lambda: sum(message["type"] == "error" for message in page.messages) == len(wrong) + 1, "all errors"
        )
        assert {message["code"] for message in page.messages if message["type"] == "error"} == {"protocol"}
        await wait_for_brightness(page, 70)
        await page.wait_for_frames(5)


async def test_too_many_wrong_messages_close_the_websocket() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        for _ in range(60):
            await page.send_text("{")
        error = await page.receive("error", fatal=True)
        assert error["message"] == "Too many wrong messages came and the session was closed: reload the page."
        await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)


async def test_close_sends_bye_and_ends_the_sessions() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(2)
        await server.close()
        await page.receive("bye", reason="The server is shutting down: start it again to go on.")
        await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        assert server.engine.session_count == 0


async def test_bye_of_the_page_ends_its_engine_session() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(2)
        await page.send(type="bye")
        await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        await wait_until_settled(lambda: server.engine.session_count == 0)


async def test_sessions_leave_no_thread_task_or_object_behind() -> None:
    async with serving(limits=UNLIMITED) as (address, server):

        async def visit() -> None:
            async with Page(socket_url(address)) as page:
                await page.hello()
                await page.start(FakeCamera(), microphone=AudioStreamTrack())
                await page.wait_for_frames(3)

        for _ in range(3):  # executors and codec tables are made once
            await visit()
        await wait_until_settled(lambda: server.engine.session_count == 0)
        threads, tasks = threading.active_count(), len(asyncio.all_tasks())
        for _ in range(20):
            await visit()
        executors = 8  # the default executor may still grow to its bound
        await wait_until_settled(
            lambda: len(asyncio.all_tasks()) <= tasks and threading.active_count() <= threads + executors,
            lambda: (asyncio.all_tasks(), [thread.name for thread in threading.enumerate()]),
        )
        await wait_until_settled(
            lambda: not busy_threads() and not remaining_objects(), lambda: (busy_threads(), remaining_objects())
        )
        assert server.engine.session_count == 0 and not server.conversations.sessions and not len(server.conversations)


def busy_threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name == "tracking" or "decoder" in name]


def remaining_objects() -> list[object]:
    return [
        each
        for each in gc.get_objects()
        if type(each) in (session_module.Session, session_module.EngineSession, session_module.Peer)
    ]


async def test_offer_to_a_full_server_is_refused_and_may_be_repeated() -> None:
    async with serving(Settings(max_sessions=1)) as (address, server), Page(socket_url(address)) as second:
        async with Page(socket_url(address)) as first:
            await first.hello()
            await first.start(FakeCamera())
            await first.wait_for_frames(2)
            await second.hello()
            await second.send(type="offer", sdp="v=0")
            error = await second.receive("error", code="full")
            assert error == {
                "type": "error",
                "code": "full",
                "message": "The server is full: 1 person is live already; try again later or start it with a larger "
                "--max-sessions.",
                "fatal": False,
            }
        await wait_until_settled(lambda: server.engine.session_count == 0)
        await second.start(FakeCamera())
        await second.wait_for_frames(2)


async def test_offer_beyond_min_fps_is_refused_and_the_live_sessions_go_on() -> None:
    slow = FakePipeline(delay=0.2, size=128)
    async with (
        serving(pipeline=slow, min_fps=4.5) as (address, server),
        Page(socket_url(address)) as first,
        Page(socket_url(address)) as second,
    ):
        await first.hello()
        await first.start(FakeCamera())
        await first.wait_for_frames(6)
        await second.hello()
        await second.send(type="offer", sdp="v=0")
        error = await second.receive("error", code="full")
        assert not error["fatal"] and error["message"].endswith(
            "and it keeps to 4.5; try again later or start it with a smaller --min-fps."
        )
        await first.wait_for_frames(3)
        assert server.engine.session_count == 1


async def test_session_without_device_memory_ends_alone() -> None:
    pipeline = FakePipeline(size=128, no_memory_on=(9, 9, 9))
    async with (
        serving(pipeline=pipeline) as (address, server),
        Page(socket_url(address)) as good,
        Page(socket_url(address)) as bad,
    ):
        await good.hello()
        await good.start(FakeCamera())
        await good.wait_for_frames(2)
        ready = await bad.hello()
        async with httpx.AsyncClient(base_url=address, timeout=MESSAGE_TIMEOUT_S) as http:
            await http.put("/api/picture", params={"session": ready["session"]}, content=png((9, 9, 9)))
        await bad.receive("picture-status", stage="ready")
        await bad.start(FakeCamera())
        error = await bad.receive("error", code="memory")
        assert error in FIXTURE["server"]
        await asyncio.wait_for(bad.closed.wait(), MESSAGE_TIMEOUT_S)
        await good.wait_for_frames(5)
        assert server.engine.session_count == 1


async def test_session_ends_whole_after_a_picture_whose_preparation_failed() -> None:
    class Broken(FakePipeline):
        def prepare(self, *given: object) -> FakeAvatar:
            raise RuntimeError("cannot prepare")

    async with serving(pipeline=Broken(size=128)) as (address, server), Page(socket_url(address)) as page:
        ready = await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(2)
        await http_request(address, "PUT", "/api/picture", params={"session": ready["session"]}, content=png())
        await page.receive("picture-status", stage="preparing")
        status = await page.receive("picture-status", stage="failed")
        assert status["message"] == "Something broke while this picture was prepared: choose another one."
        await page.wait_for_frames(5)
        await page.send(type="bye")
        await wait_until_settled(lambda: server.engine.session_count == 0)


async def test_session_with_an_exception_ends_alone() -> None:
    trackers = iter([FakeTracker(), FakeTracker(fail_at=3)])
    async with (
        serving(tracker=lambda: next(trackers)) as (address, server),
        Page(socket_url(address)) as good,
        Page(socket_url(address)) as bad,
    ):
        await good.hello()
        await good.start(FakeCamera())
        await good.wait_for_frames(2)
        await bad.hello()
        await bad.start(FakeCamera())
        error = await bad.receive("error", code="session")
        assert error["fatal"]
        await asyncio.wait_for(bad.closed.wait(), MESSAGE_TIMEOUT_S)
        await good.wait_for_frames(10)
        assert server.engine.session_count == 1
