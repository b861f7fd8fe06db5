"""The HTTP interface of the server."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamer.runtime.cpu import processor_name
from streamer.server import app as app_module
from streamer.server.rate_limits import Limits, Rate
from streamer.settings import Settings
from tests.support.page import FakeCamera, Page, serving, socket_url
from tests.support.server_checks import http_request


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
