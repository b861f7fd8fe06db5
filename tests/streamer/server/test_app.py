"""The HTTP side of the server, and who may speak to it at all."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus

from streamer.server import conversation
from streamer.settings import Settings
from tests.support.page import MESSAGE_TIMEOUT_S, FakeCamera, Page, serving, socket_url

WORD = "open sesame"


def png(side: int = 80) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (side, side), (1, 2, 3)).save(data, "PNG")
    return data.getvalue()


async def ask(address: str, method: str, path: str, **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=address) as http:
        return await http.request(method, path, **options)


async def test_the_page_and_its_security_headers() -> None:
    async with serving() as (address, _):
        answer = await ask(address, "GET", "/")
        assert answer.status_code == 200 and "<html" in answer.text.lower()
        assert answer.headers["cache-control"] == "no-cache"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers
        assert (await ask(address, "GET", "/../run_server.py")).status_code == 404
        assert (await ask(address, "GET", "/%2e%2e/run_server.py")).status_code == 404


async def test_health_and_config() -> None:
    async with serving(Settings(max_sessions=3)) as (address, _):
        assert (await ask(address, "GET", "/api/health")).json() == {"status": "ok", "sessions": 0, "max_sessions": 3}
        assert (await ask(address, "GET", "/api/config")).json() == {
            "protocol": 1,
            "max_upload_mb": 20.0,
            "token_required": False,
            "video": {"width": 128, "height": 128, "fps": 30.0},
            "picture": {"name": "fake.png"},
        }


async def test_metrics_are_prometheus_text_about_nobody_in_particular() -> None:
    async with serving(Settings(max_sessions=3)) as (address, _):
        empty = await ask(address, "GET", "/metrics")
        assert empty.headers["content-type"].startswith("text/plain; version=")
        assert "kagami_sessions 0.0" in empty.text.splitlines() and "quantile=" not in empty.text
        async with Page(socket_url(address)) as page:
            ready = await page.hello()
            await page.start(FakeCamera())
            await page.wait_for_frames(10)
            text = (await ask(address, "GET", "/metrics")).text
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
    assert labels == {"mailbox", "quantile", "stage", "bound", "kind"}
    assert ready["session"] not in text and "127.0.0.1" not in text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Host": "192.0.2.1"}, 200),
        ({"Host": "avatar.example.org"}, 200),
        ({"Host": "evil.example.org"}, 403),  # a name that was made to point here: DNS rebinding
        ({"Host": "localhost.evil.example.org"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": "localhost:1", "Origin": "http://localhost:1"}, 200),
        ({"Host": "localhost:1", "Origin": "https://avatar.example.org"}, 200),
        ({"Host": "localhost:1", "Origin": "http://localhost:2"}, 403),
        ({"Host": "localhost:1", "Origin": "http://evil.example.org"}, 403),
        ({"Host": "localhost:1", "Origin": "null"}, 403),
    ],
)
async def test_only_the_servers_own_page_may_ask(headers: dict[str, str], status: int) -> None:
    async with serving(Settings(allow_origin=("https://avatar.example.org",))) as (address, _):
        answer = await ask(address, "GET", "/api/health", headers=headers)
        assert answer.status_code == status
        if status == 403:
            assert answer.json()["code"] == "forbidden" and answer.json()["message"].endswith("with --allow-origin.")


async def test_a_socket_from_another_site_is_refused() -> None:
    async with serving() as (address, _):
        with pytest.raises(InvalidStatus, match="403"):
            async with Page(socket_url(address), origin="http://evil.example.org"):
                pass
        async with Page(socket_url(address), origin=address) as page:
            await page.hello()


async def test_the_token_is_wanted_everywhere_but_for_the_page_and_health() -> None:
    async with serving(Settings(token=WORD)) as (address, _):
        for path in ("/", "/api/health"):
            assert (await ask(address, "GET", path)).status_code == 200
        for method, path in (
            ("GET", "/api/config"), ("PUT", "/api/picture"), ("GET", "/api/picture"), ("GET", "/metrics")
        ):  # fmt: skip
            answer = await ask(address, method, path)
            assert (answer.status_code, answer.json()["code"]) == (401, "forbidden")
            assert (await ask(address, method, path + "?token=wrong")).status_code == 401
        assert (await ask(address, "GET", "/api/config", params={"token": WORD})).status_code == 200
        bearer = {"Authorization": f"Bearer {WORD}"}
        assert (await ask(address, "GET", "/api/config", headers=bearer)).status_code == 200


async def test_the_token_at_the_socket() -> None:
    async with serving(Settings(token=WORD)) as (address, _):
        async with Page(socket_url(address)) as page:
            error = await page.receive("error", fatal=True)
            assert (error["code"], error["message"]) == (
                "forbidden",
                "The token is missing or wrong; open the page with ?token= and the word the server was started with.",
            )
            await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        async with Page(socket_url(address, "?token=open%20sesame")) as page:
            await page.hello()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "picture"),
        (b"not a picture", 400, "picture"),
        (png()[:60], 400, "picture"),
        (b"\x89PNG" + b"\0" * 200_000, 413, "too-large"),
    ],
)
async def test_a_wrong_upload_gets_a_sentence_and_nothing_is_lost(body: bytes, status: int, code: str) -> None:
    async with serving(Settings(max_upload_mb=0.1)) as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        await page.start(FakeCamera())
        answer = await ask(address, "PUT", "/api/picture", params={"session": ready["session"]}, content=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["message"].endswith(".")
        await page.wait_for_frames(5)


async def test_an_upload_to_nobody() -> None:
    async with serving() as (address, _):
        answer = await ask(address, "PUT", "/api/picture", params={"session": "x"}, content=png())
        assert answer.status_code == 404
        assert answer.json()["message"] == "This session does not exist any more; reload the page."


async def test_the_starting_picture_can_be_seen(tmp_path: Path) -> None:
    (tmp_path / "me.png").write_bytes(png())
    async with serving(Settings(ref=tmp_path / "me.png")) as (address, _):
        answer = await ask(address, "GET", "/api/picture")
        assert answer.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(answer.content)).size == (80, 80)


async def test_a_page_that_never_speaks_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "HELLO_TIMEOUT_S", 0.2)
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        assert page.messages == []


async def test_pages_beyond_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "MAX_EXTRA_PAGES", 0)
    async with (
        serving(Settings(max_sessions=1)) as (address, _),
        Page(socket_url(address)) as first,
        Page(socket_url(address)) as second,
    ):
        await second.receive("error", code="full", fatal=True)
        await first.hello()


async def test_a_message_too_large_for_an_answer_closes_the_socket() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        await page.send_text("x" * 400_000)
        await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        await page.wait_until(lambda: not server.conversations.sessions, "the end of the session")


async def test_a_viewer_from_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "is_from_this_machine", lambda socket: False)
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.send(type="hello", protocol=1, watch=True)
        error = await page.receive("error", fatal=True)
        assert error["message"] == ("The output view opens only on the server's own machine; open the page without it.")
