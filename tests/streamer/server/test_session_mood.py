"""A mood of the page or the command line reaches the pipeline, is told, and lasts as long as the session."""

from __future__ import annotations

from streamer.settings import Settings
from tests.support.page import FakeCamera, Page, serving, socket_url
from tests.support.watching_pipeline import Watching

HAPPY = {"text": "very happy", "understood": [{"phrase": "very happy", "read": "very happy"}], "unknown": []}


async def test_a_mood_reaches_the_pipeline_and_lasts_while_the_page_is_gone() -> None:
    pipeline = Watching(size=128)
    async with serving(pipeline=pipeline) as (address, _):
        async with Page(socket_url(address)) as page:
            ready = await page.hello(resume="r" * 22)
            assert ready["mood"] == {"text": "", "understood": [], "unknown": []}
            await page.start(FakeCamera())
            await page.send(type="mood", text="very happy")
            assert await page.receive("mood") == {"type": "mood", **HAPPY}
            await page.wait_until(lambda: pipeline.smile > 0.15, "a happy face")
        async with Page(socket_url(address)) as page:
            ready = await page.hello(resume="r" * 22)
            assert ready["resumed"] and ready["mood"] == HAPPY
            await page.send(type="mood", text="")
            await page.wait_until(lambda: pipeline.smile == 0, "no mood")


async def test_a_session_begins_with_the_mood_of_the_command_line_which_its_page_may_change() -> None:
    pipeline = Watching(size=128)
    settings = Settings(mood="very happy")
    async with serving(settings, pipeline=pipeline) as (address, _), Page(socket_url(address)) as page:
        assert (await page.hello())["mood"] == HAPPY
        await page.start(FakeCamera())
        await page.wait_until(lambda: pipeline.smile > 0.15, "a happy face")
        await page.send(type="mood", text="gloopy")
        read = await page.receive("mood")
        assert read["unknown"] == [{"word": "gloopy", "nearest": ["gloomy", "goofy"]}] and not read["understood"]
        await page.wait_until(lambda: pipeline.smile == 0, "a face without a mood")
        await page.send(type="mood", text="x" * 201)
        await page.receive("error", code="protocol")
