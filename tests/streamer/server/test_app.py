"""The HTTP interface of the server."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

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
            "token_required": False,
            "video": {"width": 128, "height": 128, "fps": 30.0},
            "picture": {"name": "fake.png"},
        }


async def test_metrics_are_prometheus_text_that_identifies_no_session() -> None:
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
    assert labels == {"mailbox", "quantile", "stage", "bound", "kind"}
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
        assert answer.json()["message"] == "This session does not exist any more; reload the page."


async def test_reference_picture_is_served_as_webp(tmp_path: Path) -> None:
    (tmp_path / "me.png").write_bytes(png())
    async with serving(Settings(ref=tmp_path / "me.png")) as (address, _):
        answer = await http_request(address, "GET", "/api/picture")
        assert answer.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(answer.content)).size == (80, 80)
