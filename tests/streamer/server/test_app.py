"""The HTTP interface of the server."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from streamer.rigging.picture import Picture, load_picture
from streamer.rigging.picture_process import PictureProcess
from streamer.runtime.cpu import processor_name
from streamer.server import app as app_module
from streamer.server.rate_limits import Limits, Rate
from streamer.settings import Settings
from tests.support.page import FakeCamera, Page, serving, socket_url
from tests.support.server_checks import http_request, png


async def test_health_and_config_have_their_fields() -> None:
    async with serving(Settings(max_sessions=3)) as (address, _):
        assert (await http_request(address, "GET", "/api/health")).json() == {
            "status": "ok",
            "sessions": 0,
            "max_sessions": 3,
        }
        assert (await http_request(address, "GET", "/api/config")).json() == {
            "protocol": 1,
            "max_upload_mb": 20.0,
            "film_minutes": 10.0,
            "max_clip_mb": 500.0,
            "token_required": False,
            "virtual_camera": False,
            "video": {"width": 128, "height": 128, "fps": 30.0},
            "picture": {"name": "fake.png"},
            "records": False,
            "trackers": [],
        }


async def test_metrics_are_prometheus_text_that_identifies_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "METRICS_PERIOD_S", 0.0)
    async with serving(Settings(max_sessions=3)) as (address, _):
        empty = await http_request(address, "GET", "/metrics")
        assert empty.headers["content-type"].startswith("text/plain; version=")
        assert "kagami_sessions 0.0" in empty.text.splitlines() and "quantile=" not in empty.text
        async with Page(socket_url(address)) as page:
            ready = await page.hello()
            await page.start(FakeCamera())
            await page.wait_for_frames(10)
            text = (await http_request(address, "GET", "/metrics")).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    values = {sample.name: sample.value for family in families.values() for sample in family.samples}
    assert (values["kagami_sessions"], values["kagami_sessions_limit"]) == (1, 3)
    assert values["kagami_frames_drawn_total"] >= 10 and values["kagami_sessions_refused_total"] == 0
    stages = {sample.labels["stage"] for sample in families["kagami_stage_seconds"].samples}
    assert {"decode", "track", "draw", "encode"} <= stages and not stages & {"total", "queue age"}
    for name in ("kagami_latency_seconds", "kagami_queue_age_seconds"):
        quantiles = {sample.labels["quantile"]: sample.value for sample in families[name].samples}
        assert list(quantiles) == ["0.5", "0.95", "0.99"] and list(quantiles.values()) == sorted(quantiles.values())
    assert {sample.labels["kind"] for sample in families["kagami_memory_bytes"].samples} >= {"rss"}
    labels = {name for family in families.values() for sample in family.samples for name in sample.labels}
    assert labels == {"mailbox", "quantile", "stage", "bound", "kind", "name"}
    (device,) = families["kagami_device_info"].samples
    assert device.labels == {"kind": "cpu", "name": processor_name()}
    assert ready["session"] not in text and "127.0.0.1" not in text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "picture"),
        (b"not a picture", 400, "picture"),
        (png()[:60], 400, "picture"),
        (b"\x89PNG" + b"\0" * 200_000, 413, "too-large"),
    ],
)
async def test_unusable_upload_gets_a_sentence_and_the_session_goes_on(body: bytes, status: int, code: str) -> None:
    async with serving(Settings(max_upload_mb=0.1)) as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        await page.start(FakeCamera())
        answer = await http_request(address, "PUT", "/api/picture", params={"session": ready["session"]}, content=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["message"].endswith(".")
        await page.wait_for_frames(5)


async def test_upload_to_an_unknown_session_is_answered_404() -> None:
    async with serving() as (address, _):
        answer = await http_request(address, "PUT", "/api/picture", params={"session": "x"}, content=png())
        assert answer.status_code == 404
        assert answer.json()["message"] == "This session does not exist any more: reload the page."


async def test_reference_picture_is_served_as_webp(tmp_path: Path) -> None:
    (tmp_path / "me.png").write_bytes(png())
    async with serving(Settings(ref=(tmp_path / "me.png",))) as (address, _):
        answer = await http_request(address, "GET", "/api/picture")
        assert answer.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(answer.content)).size == (80, 80)


async def test_metrics_are_computed_once_in_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "METRICS_PERIOD_S", 3600.0)
    async with serving() as (address, server):
        collected: list[int] = []
        monkeypatch.setattr(server._registry, "collect", lambda: collected.append(1) or [])
        answers = [await http_request(address, "GET", "/metrics") for _ in range(5)]
        assert {answer.status_code for answer in answers} == {200} and len(collected) == 1


async def test_requests_beyond_the_rate_are_answered_429() -> None:
    async with serving(limits=Limits(requests=(Rate(100, 1), Rate(3, 0.01)))) as (address, _):
        answers = [await http_request(address, "GET", "/api/health") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert answers[-1].json()["code"] == "too-fast" and "Too many requests come at once" in answers[-1].text
        assert answers[-1].headers["x-content-type-options"] == "nosniff"


async def test_uploads_beyond_the_rate_are_answered_429_before_they_are_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: list[str] = []
    load = PictureProcess.load
    monkeypatch.setattr(PictureProcess, "load", lambda self, data, name: decoded.append(name) or load(self, data, name))
    async with (
        serving(limits=Limits(uploads=(Rate(100, 1), Rate(1, 0.01)))) as (address, _),
        Page(socket_url(address)) as page,
    ):
        params = {"session": (await page.hello())["session"]}
        first = await http_request(address, "PUT", "/api/picture", params=params, content=png())
        await page.receive("picture-status", stage="ready")
        second = await http_request(address, "PUT", "/api/picture", params=params, content=png())
        assert (first.status_code, second.status_code) == (202, 429)
        assert second.json()["code"] == "too-fast" and len(decoded) == 1


async def test_second_upload_of_a_session_is_busy_before_its_body_is_read() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        params = {"session": (await page.hello())["session"]}
        go_on = asyncio.Event()

        async def slow_body() -> AsyncIterator[bytes]:
            yield png()[:10]
            await go_on.wait()
            yield png()[10:]

        slow = asyncio.create_task(http_request(address, "PUT", "/api/picture", params=params, content=slow_body()))
        await asyncio.sleep(0.3)
        busy = await http_request(address, "PUT", "/api/picture", params=params, content=b"not a picture")
        assert (busy.status_code, busy.json()["code"]) == (409, "busy")
        go_on.set()
        assert (await slow).status_code == 202


async def test_uploads_of_one_address_at_once_are_bounded() -> None:
    limits = Limits(uploads=(Rate(100, 1), Rate(100, 1)))
    async with contextlib.AsyncExitStack() as stack:
        address, _ = await stack.enter_async_context(serving(limits=limits))
        pages = [await stack.enter_async_context(Page(socket_url(address))) for _ in range(4)]
        go_on = asyncio.Event()

        async def slow_body() -> AsyncIterator[bytes]:
            await go_on.wait()
            yield png()

        uploads = [
            asyncio.create_task(
                http_request(
                    address, "PUT", "/api/picture", params={"session": (await page.hello())["session"]},
                    content=slow_body(),
                )
            )
            for page in pages
        ]  # fmt: skip
        await asyncio.sleep(1)  # httpx reads an answer only after it has sent the body
        go_on.set()
        statuses = sorted([(await upload).status_code for upload in uploads])
        assert statuses == [202] * app_module.MAX_UPLOADS_PER_ADDRESS + [409] * (4 - app_module.MAX_UPLOADS_PER_ADDRESS)


async def test_pictures_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once: list[int] = []
    running: list[int] = []

    def decode(self: PictureProcess, data: bytes, name: str) -> Picture:
        running.append(1)
        at_once.append(len(running))
        time.sleep(0.1)
        running.pop()
        return load_picture(data, name)

    monkeypatch.setattr(PictureProcess, "load", decode)
    monkeypatch.setattr(app_module, "MAX_UPLOADS_PER_ADDRESS", 8)
    async with contextlib.AsyncExitStack() as stack:
        address, _ = await stack.enter_async_context(serving(limits=Limits(uploads=(Rate(9, 9), Rate(9, 9)))))
        sessions = [
            (await (await stack.enter_async_context(Page(socket_url(address)))).hello())["session"] for _ in range(6)
        ]
        uploads = [
            http_request(address, "PUT", "/api/picture", params={"session": session}, content=png())
            for session in sessions
        ]
        assert {answer.status_code for answer in await asyncio.gather(*uploads)} == {202}
    assert at_once == [1] * 6
