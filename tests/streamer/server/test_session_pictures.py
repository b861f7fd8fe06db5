"""Further views of a session's character: added, refused and taken away while the former picture stays live."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from streamer.rigging.picture import Picture
from streamer.settings import Settings
from tests.support.fakes import FakeAvatar, FakeCharacter, FakePipeline
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
        assert answer.json()["message"] == "This view does not exist any more; reload the page."


async def test_session_begins_with_the_views_of_the_server_and_serves_them(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png(RED))
    avatar = FakeAvatar(128, 128)
    avatar.characters = tuple(
        FakeCharacter(Picture(np.zeros((8, 8, 4), np.uint8), name)) for name in ("a.png", "b.png")
    )
    settings = Settings(ref=(tmp_path / "a.png", tmp_path / "b.png"))
    async with serving(settings, FakePipeline(size=128), avatar=avatar) as (address, _):
        async with Page(socket_url(address)) as page:
            assert (await page.hello())["picture"]["views"] == ["b.png"]
        first = await http_request(address, "GET", "/api/view", params={"index": "0"})
        assert (first.status_code, first.headers["content-type"]) == (200, "image/webp")
        for index in ("1", "-1", "x"):
            answer = await http_request(address, "GET", "/api/view", params={"index": index})
            assert answer.status_code == 404
            assert answer.json()["message"] == "The server was not started with this view; reload the page."
