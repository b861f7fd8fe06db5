"""A session that goes on in another server, over real WebRTC; tracking and drawing fakes."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import ClassVar

import httpx
import numpy as np
import pytest

from streamer.errors import ServerFullError
from streamer.frames import CameraFrame
from streamer.rigging.backdrop import Backdrop
from streamer.server import media_deadlines
from streamer.server.carried_session import CarriedSession, carry
from streamer.server.session_controls import BackdropFile
from streamer.settings import Settings
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.tracker import DriverState, Handover, TrackedMotion
from tests.support.fakes import FakeAvatar, FakeTracker
from tests.support.page import MESSAGE_TIMEOUT_S, FakeCamera, Page, serving, socket_url
from tests.support.server_checks import png, wait_until_settled

SECRET = "q3J5rX0b9Qy1xT7uJ5mW2R"
CALIBRATED = Handover((DriverState(NEUTRAL),))


class CalibratedTracker(FakeTracker):
    """Its handover is calibrated. adoptions: what such trackers were given, in turn."""

    adoptions: ClassVar[list[Handover]] = []

    def track(self, frame: CameraFrame) -> TrackedMotion:
        return replace(super().track(frame), handover=CALIBRATED)

    def adopt(self, handover: Handover) -> None:
        CalibratedTracker.adoptions.append(handover)


async def test_session_goes_on_in_another_server_with_its_name_picture_controls_and_neutral() -> None:
    CalibratedTracker.adoptions.clear()
    async with (
        serving(tracker=CalibratedTracker) as (old, old_server),
        serving(tracker=CalibratedTracker) as (new, server),
    ):
        async with Page(socket_url(old)) as page:
            first = await page.hello(resume=SECRET)
            assert set(old_server.conversations.carried()) == {SECRET}
            await page.start(FakeCamera())
            await page.send(type="control", head=1.5, paused=False)
            async with httpx.AsyncClient(timeout=MESSAGE_TIMEOUT_S) as http:
                url = f"{old}/api/picture?session={first['session']}&name=red.png"
                assert (await http.put(url, content=png((200, 30, 30)))).status_code == 202
            await page.receive("picture-status", stage="ready")
            await page.wait_for_frames(3)
            session = old_server.conversations.carried()[SECRET]
            await page.wait_until(lambda: session.controls.handover is not None)
            carried: CarriedSession = pickle.loads(pickle.dumps(carry(session)))
        assert (carried.session, carried.name, carried.controls.head) == (first["session"], "red.png", 1.5)
        await server.conversations.adopt(SECRET, carried, FakeAvatar(colour=(200, 30, 30)))
        assert server.engine.session_count == 1, "it has no place"
        moved = server.conversations.carried()[SECRET]
        assert (moved.is_awaited, moved.since, moved.moves) == (True, carried.since, 1)
        async with Page(socket_url(new)) as page:
            again = await page.hello(resume=SECRET)
            assert again["resumed"] and again["session"] == first["session"]
            assert not moved.is_awaited and moved.since == carried.since, "it began where it was before"
            assert (again["picture"]["name"], again["controls"]["head"]) == ("red.png", 1.5)
            await page.start(FakeCamera())
            await page.wait_for_frames(3)
            await page.wait_until(lambda: page.avatar_rgb()[10, -10, 0] > 150 > page.avatar_rgb()[10, -10, 2])
            assert [adopted.is_calibrated for adopted in CalibratedTracker.adoptions] == [True]
            assert server.engine.session_count == 1


async def test_session_takes_its_background_along_and_says_once_that_its_film_is_lost() -> None:
    background = Backdrop(np.zeros((1, 16, 16, 3), np.uint8), np.zeros(1), 0.0), BackdropFile("a hash", b"a file")
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello(resume=SECRET)
        await page.start(FakeCamera())
        carried = replace(carry(server.conversations.carried()[SECRET]), session="other", film="talk.mp4")
        await server.conversations.adopt(SECRET[::-1], carried, None, background)
        for count in (1, 2):  # it comes once more, for example after a reload
            async with Page(socket_url(address)) as moved:
                await moved.hello(resume=SECRET[::-1])
                await moved.start(FakeCamera())
                session = server.conversations.carried()[SECRET[::-1]]
                assert (session.controls.backdrop, session.controls.backdrop_file) == background
                told = [message for message in moved.messages if message["type"] == "film"]
                assert len(told) == (1 if count == 1 else 0)
                for message in told:
                    assert (message["stage"], message["message"]) == (
                        "failed", "The server has lost the film of talk.mp4: drop the clip again.",
                    )  # fmt: skip


async def test_session_that_finds_no_place_is_not_adopted() -> None:
    async with serving(settings=Settings(max_sessions=1)) as (address, server), Page(socket_url(address)) as page:
        hello = await page.hello(resume=SECRET)
        await page.start(FakeCamera())
        await page.wait_until(lambda: server.engine.session_count == 1)
        carried = carry(server.conversations.carried()[SECRET])
        with pytest.raises(ServerFullError):
            await server.conversations.adopt("another-secret-of-a-page", replace(carried, session="other"), None)
        assert server.engine.session_count == 1 and hello["session"] == carried.session


async def test_adopted_session_whose_page_does_not_come_ends() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        server.conversations._kept._keep_s = 0.1
        await page.hello(resume=SECRET)
        await page.start(FakeCamera())
        carried = carry(server.conversations.carried()[SECRET])
        await server.conversations.adopt("another-secret-of-a-page", replace(carried, session="other"), None)
        assert server.engine.session_count == 2
        await wait_until_settled(lambda: server.engine.session_count == 1)


async def test_adopted_session_whose_page_comes_and_offers_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_deadlines, "RECONNECT_TIMEOUT_S", 0.3)
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello(resume=SECRET)
        await page.start(FakeCamera())
        carried = replace(carry(server.conversations.carried()[SECRET]), session="other")
        await server.conversations.adopt(SECRET[::-1], carried, None)
        async with Page(socket_url(address)) as moved:
            await moved.hello(resume=SECRET[::-1])
            assert (await moved.receive("error", code="no-media"))["fatal"]
            await wait_until_settled(lambda: server.engine.session_count == 1)


async def test_session_that_never_started_takes_no_place_and_waits_for_its_page_to_start() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello(resume=SECRET)
        carried = replace(carry(server.conversations.carried()[SECRET]), session="other")
        await server.conversations.adopt(SECRET[::-1], carried, None)
        assert server.engine.session_count == 0, "an idle page has a tracker"
        async with Page(socket_url(address)) as moved:
            assert (await moved.hello(resume=SECRET[::-1]))["resumed"]
            session = server.conversations.carried()[SECRET[::-1]]
            assert not session.is_live and session._report_task is None, "its page would be told that no camera came"
            await moved.start(FakeCamera())
            await moved.wait_for_frames(3)
