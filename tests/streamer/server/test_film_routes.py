"""Films of clips over HTTP, made by a fake worker in a real process: one at a time, bounded, cancelled, removed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from streamer.rigging.picture import Picture
from streamer.runtime.fork_server import preload
from streamer.runtime.worker_process import WorkerProcess
from streamer.server import session_film
from streamer.server.app import Server
from streamer.server.films import remove_stale_folders
from streamer.settings import Settings
from tests.support.fakes import FakeAvatar, FakeCharacter
from tests.support.film_worker import FakeFilmWorker
from tests.support.page import UNLIMITED, Page, serving, socket_url
from tests.support.server_checks import http_request, wait_until_settled

SECRET = "q3J5rX0b9Qy1xT7uJ5mW2R"


@pytest.fixture(scope="module", autouse=True)
def fork_server() -> None:
    """Has imported the fake worker, before a test waits for one."""
    preload(["tests.support.film_worker"])
    worker = WorkerProcess(FakeFilmWorker, "film")
    worker.submit("__str__").result()
    worker.close(1.0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@asynccontextmanager
async def server(**settings: Any) -> AsyncIterator[tuple[str, Server]]:
    picture = Picture(np.full((64, 64, 4), 90, np.uint8), "cat.png")
    avatar = FakeAvatar(128, 128, picture=picture, characters=(FakeCharacter(picture),))
    async with serving(
        Settings(**settings), avatar=avatar, limits=UNLIMITED, make_film_worker=FakeFilmWorker
    ) as served:
        yield served


async def request(address: str, method: str, session: str, **options: Any) -> httpx.Response:
    params = {"session": session} | options.pop("params", {})
    return await http_request(address, method, "/api/film", params=params, **options)


async def send(address: str, session: str, clip: bytes, name: str = "talk.mp4", parts: int = 2) -> httpx.Response:
    """Send a clip in so many parts; the last answer."""
    answer = await request(address, "POST", session, params={"name": name, "bytes": len(clip)})
    step = -(-len(clip) // parts)
    for offset in range(0, len(clip) if answer.status_code == 201 else 0, step):
        part = clip[offset : offset + step]
        answer = await request(address, "PUT", session, params={"offset": offset}, content=part)
    return answer


def kept(folder: Path) -> list[Path]:
    """The folders of films; `multiprocessing` has one of its own there."""
    return list(folder.glob("kagami-*"))


async def test_a_film_is_made_fetched_in_ranges_and_forgotten(folder: Path) -> None:
    async with server(mood="sad") as (address, _), Page(socket_url(address)) as page:
        session = (await page.hello())["session"]
        answer = await send(address, session, b"a clip of some bytes", "../../etc/talk 1.mp4", parts=3)
        assert (answer.status_code, answer.json()) == (202, {"stage": "sending", "bytes": 20})
        status = await page.receive("film", stage="ready")
        assert status["name"] == "....etctalk 1.mp4" and status["suffix"] == "mp4" and status["notes"] == ["A note."]
        assert status["done"] == 1 and status["size"] > 20 and status["message"] is None
        drawing = [each for each in page.messages if each["type"] == "film" and each["stage"] == "drawing"]
        assert drawing and drawing[0]["seconds_left"] == 120 and 0 <= drawing[0]["done"] < 1
        (made,) = kept(folder)
        assert [path.name for path in made.iterdir()] == ["film.mp4"], "the clip is kept"
        whole = await request(address, "GET", session)
        assert whole.text == "film of ....etctalk 1.mp4 drwx------ clip False sad"
        assert whole.headers["content-type"] == "video/mp4" and "no-store" in whole.headers["cache-control"]
        part = await request(address, "GET", session, headers={"Range": "bytes=5-6"})
        assert (part.status_code, part.text) == (206, "of")
        assert (await request(address, "DELETE", session)).status_code == 200
        assert kept(folder) == []
        gone = await request(address, "GET", session)
        assert (gone.status_code, gone.json()["code"]) == (404, "no-film")


async def test_one_film_is_made_at_a_time_and_cancelling_kills_its_process(folder: Path) -> None:
    async with (
        server() as (address, _),
        Page(socket_url(address)) as page,
        Page(socket_url(address)) as other,
    ):
        session, second = (await page.hello())["session"], (await other.hello())["session"]
        await request(address, "POST", session, params={"name": "talk.mp4", "bytes": 7})
        sentences = {(await send(address, second, b"clip")).json()["message"]}
        await request(address, "PUT", session, params={"offset": 0}, content=b"forever")
        drawing = await page.receive("film", stage="drawing")
        refused = await send(address, second, b"clip")
        assert (refused.status_code, refused.json()["code"]) == (409, "busy")
        assert sentences | {refused.json()["message"]} == {
            "Another film is being made, which has just begun: try again when it is done.",
            "Another film is being made, which takes about 2 minutes more: try again then.",
        }
        worker = psutil.Process(int(drawing["notes"][0]))
        assert (await request(address, "DELETE", session)).status_code == 200
        assert kept(folder) == [] and not worker.is_running()
        assert (await send(address, second, b"clip")).status_code == 202
        await other.receive("film", stage="ready")
        assert (await send(address, session, b"clip")).status_code == 202, "a film that is ready is in the way"
        await page.receive("film", stage="ready")


@pytest.mark.parametrize(
    ("clip", "sentence"),
    [
        (b"nobody", "Nobody was found in talk.mp4: use another."),
        (b"crash", "talk.mp4 cannot be read by this server: save it as another MP4 and try again."),
    ],
)
async def test_a_clip_that_fails_is_one_sentence_and_leaves_nothing(folder: Path, clip: bytes, sentence: str) -> None:
    async with server() as (address, _), Page(socket_url(address)) as page:
        session = (await page.hello())["session"]
        await send(address, session, clip)
        assert (await page.receive("film", stage="failed"))["message"] == sentence
        await wait_until_settled(lambda: kept(folder) == [])
        assert (await request(address, "GET", session)).status_code == 404
        assert (await send(address, session, b"clip")).status_code == 202
        await page.receive("film", stage="ready")


async def test_sizes_parts_and_names_are_checked(folder: Path) -> None:
    async with server(max_clip_mb=1.0) as (address, _), Page(socket_url(address)) as page:
        session = (await page.hello())["session"]
        for size, status, sentence in (
            (1_000_001, 413, "talk.mp4 is larger than 1 MB: cut it, or save it smaller."),
            (0, 400, "talk.mp4 is empty (0 bytes): record or download it again."),
            ("x", 400, "The field 'bytes' must be a number of bytes: reload the page."),
        ):
            answer = await request(address, "POST", session, params={"name": "talk.mp4", "bytes": size})
            assert (answer.status_code, answer.json()["message"]) == (status, sentence)
        assert kept(folder) == []
        assert (await request(address, "POST", session, params={"bytes": 4})).status_code == 201
        early = await request(address, "PUT", session, params={"offset": 2}, content=b"cd")
        assert (early.status_code, early.json()["code"]) == (400, "protocol")
        longer = await request(address, "PUT", session, params={"offset": 0}, content=b"abcde")
        assert longer.json()["message"] == "The clip is longer than it was said to be; drop it again."
        await wait_until_settled(lambda: kept(folder) == [])
        assert (await request(address, "PUT", session, params={"offset": 0}, content=b"ab")).status_code == 404


async def test_only_the_own_session_has_a_film_and_a_server_may_make_none() -> None:
    async with server() as (address, _), Page(socket_url(address)) as page, Page(socket_url(address)) as other:
        session, second = (await page.hello())["session"], (await other.hello())["session"]
        await send(address, session, b"clip")
        await page.receive("film", stage="ready")
        assert (await request(address, "GET", second)).status_code == 404
        for method in ("GET", "POST", "PUT", "DELETE"):
            assert (await request(address, method, "nobody")).status_code == 404
        assert (await request(address, "GET", session, headers={"Origin": "http://evil.example"})).status_code == 403
    async with server(film_minutes=0.0) as (address, _), Page(socket_url(address)) as page:
        answer = await send(address, (await page.hello())["session"], b"clip")
        assert answer.status_code == 403 and "--film-minutes" in answer.json()["message"]


@pytest.mark.parametrize("clip", [b"forever", b"clip"])
async def test_nothing_is_left_of_a_session_that_ends_nor_of_a_server(folder: Path, clip: bytes) -> None:
    async with server() as (address, running):
        async with Page(socket_url(address)) as page:
            await send(address, (await page.hello())["session"], clip)
            await page.receive("film", stage="ready" if clip == b"clip" else "drawing")
        await wait_until_settled(lambda: kept(folder) == [])
        async with Page(socket_url(address)) as page:
            await send(address, (await page.hello())["session"], clip)
            await page.receive("film", stage="ready" if clip == b"clip" else "drawing")
            await running.close()
            assert kept(folder) == []


async def test_a_film_waits_for_a_page_that_comes_back_but_not_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_film, "KEEP_READY_S", 2.0)
    async with server() as (address, _):
        async with Page(socket_url(address)) as page:
            await send(address, (await page.hello(resume=SECRET))["session"], b"clip")
        async with Page(socket_url(address)) as page:
            assert (await page.hello(resume=SECRET))["resumed"]
            await page.receive("film", stage="ready")
        await wait_until_settled(lambda: kept(folder) == [])


async def test_a_clip_whose_parts_stay_away_frees_the_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_film, "PART_TIMEOUT_S", 0.1)
    async with server() as (address, _), Page(socket_url(address)) as page:
        session = (await page.hello())["session"]
        await request(address, "POST", session, params={"bytes": 4})
        await wait_until_settled(lambda: kept(folder) == [])
        assert (await request(address, "POST", session, params={"bytes": 4})).status_code == 201


def test_what_a_killed_server_left_is_removed_by_the_next(folder: Path) -> None:
    own, gone = folder / f"kagami-film-{os.getpid()}-a", folder / "kagami-film-999999999-b"
    for each in (own, gone):
        each.mkdir()
        (each / "clip").write_bytes(b"x")
    remove_stale_folders()
    assert [path.name for path in folder.iterdir()] == [own.name]
