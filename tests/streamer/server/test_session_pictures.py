"""The pictures of a session: views added, refused and taken away, and pictures that come back, without an upload."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from streamer.rigging.picture import Picture, PictureError
from streamer.server import server_messages, session_pictures
from streamer.server.page_messages import Control
from streamer.server.session import Session
from tests.support.fakes import FakeAvatar, FakeCharacter, FakePipeline, FakeStream
from tests.support.heif import heic
from tests.support.page import UNLIMITED, Page, serving, socket_url
from tests.support.server_checks import http_request, png

BLACK, RED, GREEN = (0, 0, 0), (200, 20, 20), (20, 200, 20)


class Character:
    """The pictures of one page's session, over HTTP. ready: the server's first message."""

    def __init__(self, address: str, page: Page, ready: dict[str, Any]) -> None:
        self.address = address
        self.page = page
        self.ready = ready
        self._prepared = 0

    async def request(self, method: str, path: str, content: bytes = b"", **query: str) -> httpx.Response:
        query = {"session": self.ready["session"], **query}
        return await http_request(self.address, method, path, params=query, content=content)

    async def add(self, name: str, colour: tuple[int, int, int] = GREEN) -> dict[str, Any]:
        """Add a view; the status with which its preparation ended."""
        assert (await self.request("PUT", "/api/view", png(colour), name=name)).status_code == 202
        return await self.status()

    async def status(self) -> dict[str, Any]:
        """The next status after "preparing"."""
        self._prepared += 1
        return await self.page.receive("picture-status", 2 * self._prepared)


@asynccontextmanager
async def character() -> AsyncIterator[Character]:
    """A page whose session has one picture, red.png."""
    async with serving(limits=UNLIMITED) as (address, _), Page(socket_url(address)) as page:
        mine = Character(address, page, await page.hello())
        await mine.request("PUT", "/api/picture", png(RED), name="red.png")
        assert (await mine.status())["views"] == []
        yield mine


async def test_views_are_added_and_taken_away_and_told() -> None:
    async with character() as mine:
        status = await mine.add("left.png")
        assert (status["stage"], status["name"], status["views"]) == ("ready", "red.png", ["left.png"])
        assert status["notes"] == ["left.png is a view."]
        assert (await mine.add("right.png"))["views"] == ["left.png", "right.png"]
        assert (await mine.request("DELETE", "/api/view", index="0")).status_code == 202
        status = await mine.status()
        assert (status["stage"], status["views"], status["notes"]) == ("ready", ["right.png"], ["right.png is a view."])


async def test_another_picture_has_no_views() -> None:
    async with character() as mine:
        await mine.add("left.png")
        await mine.request("PUT", "/api/picture", png(GREEN), name="green.png")
        status = await mine.status()
        assert (status["stage"], status["name"], status["views"]) == ("ready", "green.png", [])


async def test_fifth_picture_is_refused_before_it_is_read() -> None:
    async with character() as mine:
        for name in ("a.png", "b.png", "c.png"):
            await mine.add(name)
        answer = await mine.request("PUT", "/api/view", b"not a picture", name="d.png")
        assert answer.status_code == 400
        assert answer.json() == {
            "code": "view",
            "message": "A character has at most 4 pictures: take one away before you add another.",
        }


async def test_view_that_cannot_be_used_leaves_the_character_as_it_was() -> None:
    async with character() as mine:
        await mine.add("left.png")
        status = await mine.add("black.png", BLACK)
        assert (status["stage"], status["message"]) == ("failed", "black.png is black.")
        assert (await mine.add("right.png"))["views"] == ["left.png", "right.png"]


@pytest.mark.parametrize("index", ["1", "-1", "x", ""])
async def test_view_that_does_not_exist_is_not_taken_away(index: str) -> None:
    async with character() as mine:
        await mine.add("left.png")
        answer = await mine.request("DELETE", "/api/view", index=index)
        assert answer.status_code == 400
        assert answer.json()["message"] == "This view does not exist any more: reload the page."


async def test_session_begins_with_the_views_of_the_server_and_shows_them_small() -> None:
    avatar = FakeAvatar(128, 128)
    avatar.characters = tuple(
        FakeCharacter(Picture(np.full((8, 8, 4), shade, np.uint8), name))
        for name, shade in (("a.png", 255), ("b.png", 90))
    )
    async with (
        serving(pipeline=FakePipeline(size=128), avatar=avatar) as (address, _),
        Page(socket_url(address)) as page,
    ):
        mine = Character(address, page, await page.hello())
        assert mine.ready["picture"]["views"] == ["b.png"]
        shades = []
        for index in ("0", "1"):
            answer = await mine.request("GET", "/api/thumbnail", index=index)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
            shades.append(np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).mean())
        assert shades == pytest.approx([255, 90], abs=3)
        for index in ("2", "-1", "x"):
            answer = await mine.request("GET", "/api/thumbnail", index=index)
            assert answer.status_code == 404
            assert answer.json()["message"] == "This picture does not exist any more: reload the page."


async def test_picture_prepared_before_comes_back_without_being_prepared() -> None:
    pipeline = Counting(size=128)
    async with serving(pipeline=pipeline, limits=UNLIMITED) as (address, _), Page(socket_url(address)) as page:
        mine = Character(address, page, await page.hello())
        for name, colour in (("red.png", RED), ("green.png", GREEN)):
            await mine.request("PUT", "/api/picture", png(colour), name=name)
            await mine.status()
        assert (await mine.add("left.png", RED))["views"] == ["left.png"]
        assert pipeline.prepared == 3
        answer = await mine.request("POST", "/api/picture", name="again", sha256=digest(RED))
        assert answer.status_code == 202
        status = await mine.status()
        assert (status["stage"], status["name"], status["views"]) == ("ready", "again", [])
        assert (await mine.request("POST", "/api/picture", name="green.png", sha256=digest(GREEN))).status_code == 202
        assert (await mine.status())["views"] == []
        assert (await mine.request("POST", "/api/view", sha256=digest(RED))).status_code == 202
        assert (await mine.status())["views"] == ["left.png"]
        assert pipeline.prepared == 3


@pytest.mark.parametrize("query", [{"sha256": "x"}, {}, {"points": "other"}])
async def test_picture_that_is_not_kept_must_be_sent(query: dict[str, str]) -> None:
    async with character() as mine:
        query = {"sha256": digest(GREEN if not query else RED), **query}
        answer = await mine.request("POST", "/api/picture", **query)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-kept")


async def test_nothing_of_another_session_comes_back() -> None:
    async with character() as mine, Page(socket_url(mine.address)) as page:
        other = Character(mine.address, page, await page.hello())
        assert (await other.request("POST", "/api/picture", sha256=digest(RED))).status_code == 404
        assert (await mine.request("POST", "/api/picture", sha256=digest(RED))).status_code == 202


async def test_session_goes_back_to_the_picture_that_it_began_with() -> None:
    async with character() as mine:
        assert (await mine.request("DELETE", "/api/picture")).status_code == 202
        status = await mine.status()
        assert (status["stage"], status["name"]) == ("ready", mine.ready["picture"]["name"])


class Counting(FakePipeline):
    """Counts the pictures and views that it searches."""

    prepared = 0

    def prepare(self, *arguments: Any) -> FakeAvatar:
        self.prepared += 1
        return super().prepare(*arguments)

    def add_view(self, *arguments: Any) -> FakeAvatar:
        self.prepared += 1
        return super().add_view(*arguments)


def digest(colour: tuple[int, int, int]) -> str:
    """SHA-256 of the file `png(colour)`."""
    return hashlib.sha256(png(colour)).hexdigest()


async def test_heads_of_all_people_are_told_and_one_is_chosen() -> None:
    async with character() as mine:
        await mine.request("PUT", "/api/picture", png(GREEN), name="two.png")
        status = await mine.status()
        assert (status["people"], status["chosen"], len(status["heads"])) == (2, 0, 2)
        assert all(0 <= share <= 1 for head in status["heads"] for share in head)
        await mine.page.send(type="person", person="2")
        status = await mine.status()
        assert (status["stage"], status["person"], status["chosen"]) == ("ready", "2", 1)


async def test_picture_of_a_session_is_sent_in_a_format_that_every_browser_shows() -> None:
    async with character() as mine:
        await mine.request("PUT", "/api/picture", heic(np.full((64, 96, 3), GREEN, np.uint8)), name="photo.heic")
        await mine.status()
        shown = await mine.request("GET", "/api/picture")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")
        with Image.open(io.BytesIO(shown.content)) as image:
            assert image.size == (96, 64)
            assert np.abs(np.subtract(image.convert("RGB").getpixel((40, 30)), GREEN)).max() < 12
        stranger = await http_request(mine.address, "GET", "/api/picture", params={"session": "nobody"})
        assert stranger.status_code == 404


@asynccontextmanager
async def live_session(pipeline: FakePipeline) -> AsyncIterator[tuple[str, Session]]:
    """A session that is drawn, without a connection: its frames are not sent. And the server's address."""
    async with serving(pipeline=pipeline, limits=UNLIMITED) as (address, server), Page(socket_url(address)) as page:
        session = server.conversations.sessions[(await page.hello())["session"]]
        engine_session = await session.enter_engine()
        assert engine_session is not None
        engine_session.start()
        await page.wait_until(lambda: session.newest_frame is not None, "a frame")
        yield address, session


async def test_picture_is_ready_once_the_engine_has_changed_over_to_it() -> None:
    class Slow(FakePipeline):
        begun, may_end = threading.Event(), threading.Event()

        def swap(self, stream: FakeStream, avatar: FakeAvatar) -> None:
            self.begun.set()
            assert self.may_end.wait(20)
            super().swap(stream, avatar)

    pipeline = Slow(size=128)
    async with live_session(pipeline) as (address, session):
        pictures = session.pictures
        query = {"session": session.id, "name": "green.png"}
        await http_request(address, "PUT", "/api/picture", params=query, content=png(GREEN))
        assert await asyncio.to_thread(pipeline.begun.wait, 20)
        assert pictures.status is not None and pictures.status.stage == "preparing" and pictures.is_busy
        assert (pictures.name, pictures.avatar.picture.name) == ("green.png", "green.png")  # type: ignore[union-attr]
        pipeline.may_end.set()
        while pictures.is_busy:
            await asyncio.sleep(0.01)
        assert pictures.status.stage == "ready"


async def test_picture_that_is_chosen_while_another_cannot_be_framed_gets_its_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Failing(FakePipeline):
        begun, may_end = threading.Event(), threading.Event()

        def prepare(self, picture: Picture, points: Any, framing: Any, *rest: Any) -> FakeAvatar:
            if framing.aspect == "16:9" and picture.name == "red.png":
                self.begun.set()
                assert self.may_end.wait(20)
                raise PictureError("red.png has no such frame.")
            return super().prepare(picture, points, framing, *rest)

    monkeypatch.setattr(session_pictures, "REFRAME_DELAY_S", 0.0)
    pipeline = Failing(size=128)
    async with live_session(pipeline) as (_, session):
        pictures = session.pictures
        pictures.show()
        for name, colour in (("green.png", GREEN), ("red.png", RED)):
            with pictures.upload():
                pictures.change(Picture(np.full((8, 8, 4), (*colour, 255), np.uint8), name), name, name)
            while pictures.is_busy:
                await asyncio.sleep(0.01)
        await session.handle(Control(aspect="16:9"))
        assert await asyncio.to_thread(pipeline.begun.wait, 20)
        pictures.use_kept("green.png", ("green.png",))
        while pictures.is_busy:
            await asyncio.sleep(0.01)
        pipeline.may_end.set()
        async with asyncio.timeout(20):
            while pictures.avatar.layout is None or pictures.avatar.layout.framing.aspect != "16:9":
                await asyncio.sleep(0.01)
        assert pictures.name == "green.png"


async def test_what_is_told_of_a_picture_is_always_true_of_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_pictures, "REFRAME_DELAY_S", 0.002)
    colours = {f"{shade}.png": (shade, 255 - shade, 40) for shade in (30, 90, 150)}
    async with live_session(FakePipeline(size=64)) as (_, session):
        pictures, wrong, ready = session.pictures, [], 0

        def check(message: server_messages.ServerMessage) -> None:
            nonlocal ready
            if isinstance(message, server_messages.PictureStatus) and message.stage in ("ready", "framed"):
                ready += message.stage == "ready"
                drawn: Any = session.engine_session.stream.avatar  # type: ignore[union-attr]
                sent = colours[message.name], message.width, message.height
                if sent != (drawn.colour, drawn.width, drawn.height) or pictures.avatar is not drawn:
                    wrong.append((message, drawn))

        session.on_message = check
        chance = random.Random(5)
        for number in range(60):
            name = chance.choice(list(colours))
            if number < 6 or chance.random() < 0.5:
                with pictures.upload():
                    picture = Picture(np.full((8, 8, 4), (*colours[name], 255), np.uint8), name)
                    pictures.change(picture, name, f"{name} {number % 5}")
            else:
                kept = chance.choice(pictures.kept)
                pictures.use_kept(kept[1].picture.name, kept[0])  # type: ignore[union-attr]
            while pictures.is_busy:
                if chance.random() < 0.1:
                    await session.handle(Control(aspect=chance.choice(["1:1", "16:9", "9:16"])))
                await asyncio.sleep(chance.choice([0, 0.001, 0.005]))
        assert ready == 60 and not wrong
