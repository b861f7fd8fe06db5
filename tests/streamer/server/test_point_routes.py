"""Hand-placed points over HTTP: guessed, used, refused in one sentence, kept for the next picture, and filmed."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from streamer.rigging.points import MAX_REQUEST_BYTES
from streamer.server.rate_limits import Limits, Rate
from tests.support.fakes import FACELESS, FakeAvatar, FakePictureProcess, fake_film
from tests.support.page import UNLIMITED, FakeCamera, Page, serving, socket_url
from tests.support.pictures import opaque
from tests.support.server_checks import http_request, png

FACE = {
    "left_eye": [20.0, 20.0], "right_eye": [40.0, 20.0], "nose": [30.0, 30.0], "mouth_left": [24.0, 38.0],
    "mouth_right": [36.0, 38.0], "chin": [30.0, 48.0],
}  # fmt: skip
RED = (200, 20, 20)


class Editor:
    """One page's session, and its requests about points."""

    def __init__(self, address: str, page: Page, session: str) -> None:
        self._address = address
        self.page = page
        self.session = session
        self._ended = 0

    async def request(self, method: str, path: str, content: bytes = b"", **query: str) -> httpx.Response:
        params = {"session": self.session, **query}
        return await http_request(self._address, method, path, params=params, content=content)

    async def put(self, points: object, **query: str) -> httpx.Response:
        return await self.request("PUT", "/api/points", json.dumps(points).encode(), **query)

    async def tell(self, **query: str) -> dict[str, Any]:
        answer = await self.request("GET", "/api/points", **query)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def upload(self, name: str, colour: tuple[int, int, int]) -> dict[str, Any]:
        """Give another picture; the status with which its preparation ended."""
        assert (await self.request("PUT", "/api/picture", png(colour), name=name)).status_code == 202
        return await self.end()

    async def end(self) -> dict[str, Any]:
        """The next status after "preparing"."""
        self._ended += 1
        return await self.page.receive("picture-status", 2 * self._ended)


@asynccontextmanager
async def editor(limits: Limits = UNLIMITED) -> AsyncIterator[tuple[Editor, FakePictureProcess]]:
    pictures = FakePictureProcess()
    avatar = FakeAvatar(128, 128, picture=opaque(np.full((80, 80, 3), RED, np.uint8)))
    async with (
        serving(limits=limits, pictures=pictures, avatar=avatar) as (address, _),
        Page(socket_url(address)) as page,
    ):
        yield Editor(address, page, (await page.hello())["session"]), pictures


async def test_points_of_the_picture_in_use_are_told_and_changed() -> None:
    async with editor() as (mine, _):
        await mine.upload("red.png", RED)
        told = await mine.tell()
        assert (told["name"], told["width"], told["height"], told["found"]) == ("red.png", 80, 80, True)
        assert told["points"] is None and "left_elbow" in told["guesses"]
        placed = {**FACE, "outline": [[0.0, 0.0], [80.0, 0.0], [40.0, 80.0]]}
        assert (await mine.put(placed)).status_code == 202
        assert (await mine.end())["stage"] == "ready"
        assert (await mine.tell())["points"] == placed
        assert (await mine.put({})).status_code == 202
        assert (await mine.end())["stage"] == "ready" and (await mine.tell())["points"] is None


async def test_picture_without_a_face_stays_for_its_points_until_another_comes() -> None:
    async with editor() as (mine, _):
        failed = await mine.upload("cup.png", FACELESS)
        assert (failed["stage"], failed["code"]) == ("failed", "no-face")
        told = await mine.tell(which="refused")
        assert (told["name"], told["found"], told["points"]) == ("cup.png", False, None)
        shown = await mine.request("GET", "/api/points/picture", which="refused")
        with Image.open(io.BytesIO(shown.content)) as image:
            assert image.size == (80, 80)
            assert np.abs(np.asarray(image)[9, 9, :3].astype(int) - FACELESS).max() < 9
        assert (await mine.put(FACE, which="refused")).status_code == 202
        ready = await mine.end()
        assert (ready["stage"], ready["name"], ready["code"]) == ("ready", "cup.png", None)
        assert (await mine.tell())["points"] == FACE
        gone = await mine.request("GET", "/api/points", which="refused")
        assert gone.status_code == 400
        assert gone.json()["message"] == "The picture without a face is not here any more: choose it again."


async def test_points_for_the_next_picture_are_used_once() -> None:
    async with editor() as (mine, _):
        assert (await mine.put(FACE, which="next")).json() == {"stage": "held"}
        assert (await mine.upload("cup.png", FACELESS))["stage"] == "ready"
        assert (await mine.tell())["points"] == FACE
        assert (await mine.upload("other.png", FACELESS))["stage"] == "failed"


async def test_points_survive_another_frame() -> None:
    async with editor() as (mine, _):
        await mine.upload("red.png", RED)
        await mine.put(FACE)
        await mine.end()
        await mine.page.start(FakeCamera())
        await mine.page.send(type="control", aspect="16:9")
        await mine.page.receive("picture-status", stage="framed")
        assert (await mine.tell())["points"] == FACE


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"{", 400, "The points are not JSON: give an object of names to [x, y]."),
        (b"[" * 60_000, 400, "The points are not JSON: give an object of names to [x, y]."),
        (b"[1]", 400, "The points must be a JSON object of names to [x, y], such as "),
        (b'{"tail": [1, 2]}', 400, "tail is not the name of a point: use left_eye, "),
        (b'{"left_eye": [1, 2]}', 400, "The points lack right_eye, nose, mouth_left, mouth_right, chin: add them"),
        (b" " * (MAX_REQUEST_BYTES + 1), 413, "The points are larger than 64 KB: leave points of the outline out."),
    ],
)
async def test_wrong_points_are_answered_by_one_sentence(body: bytes, status: int, sentence: str) -> None:
    async with editor() as (mine, _):
        for path in ("/api/points", "/api/points/preview"):
            answer = await mine.request("PUT", path, body)
            assert answer.status_code == status and answer.json()["code"] == "points"
            assert answer.json()["message"].startswith(sentence)


async def test_points_of_an_unknown_session_or_picture_are_refused() -> None:
    async with editor() as (mine, _):
        assert (await mine.put(FACE, which="other")).json()["message"].startswith("The field 'which' must be")
        mine.session = "no-such-session"
        for method, path in (
            ("GET", "/api/points"), ("PUT", "/api/points"), ("GET", "/api/points/picture"),
            ("PUT", "/api/points/preview"),
        ):  # fmt: skip
            assert (await mine.request(method, path)).status_code == 404


async def test_film_shows_the_points_and_one_is_made_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with editor() as (mine, pictures):
        await mine.upload("red.png", RED)
        body = json.dumps(FACE).encode()
        answer = await mine.request("PUT", "/api/points/preview", body)
        assert (answer.headers["content-type"], answer.content) == ("image/webp", fake_film())
        assert [None if each is None else each.to_json() for each in pictures.films] == [FACE]
        go_on, do = asyncio.Event(), pictures.do
        loop = asyncio.get_running_loop()

        def slow(*arguments: Any) -> Any:
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            return do(*arguments)

        monkeypatch.setattr(pictures, "do", slow)
        first = asyncio.create_task(mine.request("PUT", "/api/points/preview", body))
        await asyncio.sleep(0.2)
        busy = await mine.request("PUT", "/api/points/preview", body)
        assert (busy.status_code, busy.json()["code"]) == (409, "busy")
        go_on.set()
        assert (await first).status_code == 200


async def test_films_are_limited_by_rate() -> None:
    async with editor(Limits(previews=(Rate(100, 1), Rate(1, 0.01)))) as (mine, _):
        await mine.upload("red.png", RED)
        statuses = [(await mine.request("PUT", "/api/points/preview", b"{}")).status_code for _ in range(2)]
        assert statuses == [200, 429]
