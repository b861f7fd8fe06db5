"""The frame of a session's picture: chosen before the offer, and changed while live."""

from __future__ import annotations

import httpx

from streamer.settings import Settings
from tests.support.fakes import FakePipeline
from tests.support.page import MESSAGE_TIMEOUT_S, FakeCamera, Page, serving, socket_url
from tests.support.server_checks import png


async def test_frame_is_changed_while_live() -> None:
    pipeline = FakePipeline(size=128, prepare_delay=0.2)
    async with serving(pipeline=pipeline) as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        await page.start(FakeCamera())
        async with httpx.AsyncClient(base_url=address, timeout=MESSAGE_TIMEOUT_S) as http:
            query = {"session": ready["session"], "name": "cat"}
            await http.put("/api/picture", params=query, content=png((20, 200, 90)))
        await page.receive("picture-status", stage="ready")
        await page.send(type="control", aspect="16:9")
        await page.send(type="control", frame="bust")
        await page.receive("picture-status", stage="framing")
        before = page.received
        status = await page.receive("picture-status", stage="framed")
        assert (status["name"], status["width"], status["height"]) == ("cat", 128, 72)
        assert page.received > before  # frames came on meanwhile
        await page.wait_until(lambda: page.avatar_rgb().shape == (72, 128, 3), "the wide frame")
        await page.send(type="control", background="transparent")
        await page.wait_until(lambda: page.avatar_rgb().shape == (144, 128, 3), "alpha below the wide frame")
        assert sum(m.get("stage") == "framing" for m in page.messages) == 1  # both changes at once


async def test_frame_chosen_before_the_offer_is_prepared_for_the_first_session() -> None:
    async with serving(Settings(frame="bust")) as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        assert ready["controls"]["frame"] == "bust"
        async with httpx.AsyncClient(base_url=address, timeout=MESSAGE_TIMEOUT_S) as http:
            await http.put("/api/picture", params={"session": ready["session"]}, content=png((20, 200, 90)))
        await page.receive("picture-status", stage="ready")
        await page.send(type="control", aspect="64x96")
        await page.start(FakeCamera())
        await page.receive("picture-status", stage="framed")
        await page.wait_until(lambda: page.frame is not None and page.avatar_rgb().shape == (96, 64, 3), "the frame")
