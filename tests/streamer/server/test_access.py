"""Which requests the server answers: host, origin and token."""

from __future__ import annotations

import asyncio

import pytest
from websockets.exceptions import InvalidStatus

from streamer.settings import Settings
from tests.support.page import MESSAGE_TIMEOUT_S, Page, serving, socket_url
from tests.support.server_checks import http_request

TOKEN = "open sesame"


async def test_every_answer_has_the_security_headers() -> None:
    async with serving() as (address, _):
        answer = await http_request(address, "GET", "/")
        assert answer.status_code == 200 and "<html" in answer.text.lower()
        assert answer.headers["cache-control"] == "no-cache"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers
        assert (await http_request(address, "GET", "/../run_server.py")).status_code == 404
        assert (await http_request(address, "GET", "/%2e%2e/run_server.py")).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Host": "192.0.2.1"}, 200),
        ({"Host": "avatar.example.org"}, 200),
        ({"Host": "evil.example.org"}, 403),  # DNS rebinding: a foreign name that resolves to this server
        ({"Host": "localhost.evil.example.org"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": "localhost:1", "Origin": "http://localhost:1"}, 200),
        ({"Host": "localhost:1", "Origin": "https://avatar.example.org"}, 200),
        ({"Host": "localhost:1", "Origin": "http://localhost:2"}, 403),
        ({"Host": "localhost:1", "Origin": "http://evil.example.org"}, 403),
        ({"Host": "localhost:1", "Origin": "null"}, 403),
    ],
)
async def test_only_allowed_hosts_and_origins_are_answered(headers: dict[str, str], status: int) -> None:
    async with serving(Settings(allow_origin=("https://avatar.example.org",))) as (address, _):
        answer = await http_request(address, "GET", "/api/health", headers=headers)
        assert answer.status_code == status
        if status == 403:
            assert answer.json()["code"] == "forbidden" and answer.json()["message"].endswith("with --allow-origin.")


async def test_websocket_of_another_site_is_refused() -> None:
    async with serving() as (address, _):
        with pytest.raises(InvalidStatus, match="403"):
            async with Page(socket_url(address), origin="http://evil.example.org"):
                pass
        async with Page(socket_url(address), origin=address) as page:
            await page.hello()


async def test_token_is_required_except_for_the_page_and_health() -> None:
    async with serving(Settings(token=TOKEN)) as (address, _):
        for path in ("/", "/api/health"):
            assert (await http_request(address, "GET", path)).status_code == 200
        for method, path in (
            ("GET", "/api/config"), ("PUT", "/api/picture"), ("GET", "/api/picture"), ("GET", "/metrics")
        ):  # fmt: skip
            answer = await http_request(address, method, path)
            assert (answer.status_code, answer.json()["code"]) == (401, "forbidden")
            assert (await http_request(address, method, path + "?token=wrong")).status_code == 401
        assert (await http_request(address, "GET", "/api/config", params={"token": TOKEN})).status_code == 200
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert (await http_request(address, "GET", "/api/config", headers=bearer)).status_code == 200


async def test_token_is_required_at_the_websocket() -> None:
    async with serving(Settings(token=TOKEN)) as (address, _):
        async with Page(socket_url(address)) as page:
            error = await page.receive("error", fatal=True)
            assert (error["code"], error["message"]) == (
                "forbidden",
                "The token is missing or wrong; open the page with ?token= and the word the server was started with.",
            )
            await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        async with Page(socket_url(address, "?token=open%20sesame")) as page:
            await page.hello()
