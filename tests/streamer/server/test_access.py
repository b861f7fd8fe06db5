"""Which requests the server answers: host, origin and token."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest
from starlette.requests import HTTPConnection
from websockets.exceptions import InvalidStatus

from streamer.server.access import is_from_this_machine
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
        ({"Host": "localhost:1", "Origin": "http://["}, 403),
        ({"Host": "localhost:1", "Origin": ""}, 403),
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
            ("GET", "/api/config"), ("PUT", "/api/picture"), ("GET", "/api/picture"),
            ("POST", "/api/picture"), ("DELETE", "/api/picture"), ("GET", "/api/thumbnail"),
            ("PUT", "/api/view"), ("DELETE", "/api/view"), ("GET", "/metrics"),
        ):  # fmt: skip
            answer = await http_request(address, method, path)
            assert (answer.status_code, answer.json()["code"]) == (401, "forbidden")
            assert (await http_request(address, method, path + "?token=wrong")).status_code == 401
        assert (await http_request(address, "GET", "/api/config", params={"token": TOKEN})).status_code == 200
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert (await http_request(address, "GET", "/api/config", headers=bearer)).status_code == 200
        basic = {"Authorization": "Basic dXNlcjpwYXNz"}  # of a proxy
        for headers, token, status in ((basic, TOKEN, 200), (basic, "wrong", 401), (bearer, "wrong", 200)):
            answer = await http_request(address, "GET", "/api/config", headers=headers, params={"token": token})
            assert answer.status_code == status


async def test_strangers_learn_only_that_the_server_answers() -> None:
    through_proxy, bearer = {"X-Forwarded-For": "192.0.2.1"}, {"Authorization": f"Bearer {TOKEN}"}
    for token, headers, may_know in (
        (None, {}, True),
        (None, through_proxy, False),
        (None, {"Host": "192.0.2.1"}, False),
        (TOKEN, {}, False),
        (TOKEN, bearer, True),
        (TOKEN, through_proxy | bearer, True),
    ):
        async with serving(Settings(token=token)) as (address, _):
            health = (await http_request(address, "GET", "/api/health", headers=headers)).json()
            assert health["status"] == "ok" and set(health) <= {"status", "sessions", "max_sessions"}
            assert ("sessions" in health) is ("max_sessions" in health) is may_know
            metrics = await http_request(address, "GET", "/metrics", headers=headers)
            assert (metrics.status_code == 200) is may_know
            assert "kagami_" not in metrics.text or may_know


async def test_token_may_have_letters_beyond_ascii() -> None:
    async with serving(Settings(token="Öffne dich!")) as (address, _):
        header = {b"Authorization": "Bearer Öffne dich!".encode()}
        assert (await http_request(address, "GET", "/api/config", headers=header)).status_code == 200
        answer = await http_request(address, "GET", "/api/config", params={"token": "Öffne dich!"})
        assert answer.status_code == 200


async def test_token_is_required_at_the_websocket() -> None:
    async with serving(Settings(token=TOKEN)) as (address, _):
        async with Page(socket_url(address)) as page:
            error = await page.receive("error", fatal=True)
            assert (error["code"], error["message"]) == (
                "forbidden",
                "The token is missing or wrong: open the page with ?token= and the word the server was started with.",
            )
            await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        async with Page(socket_url(address, "?token=open%20sesame")) as page:
            await page.hello()


@pytest.mark.parametrize(
    ("client", "headers", "local"),
    [
        ("127.0.0.1", {"host": "127.0.0.1:8080"}, True),
        ("127.0.0.1", {"host": "localhost"}, True),
        ("::1", {"host": "[::1]:8080", "origin": "http://[::1]:8080"}, True),
        ("::ffff:127.0.0.1", {"host": "localhost", "origin": "http://localhost"}, True),
        ("192.0.2.1", {"host": "127.0.0.1"}, False),
        ("127.0.0.1", {"host": "127.0.0.1", "origin": "https://avatar.example.org"}, False),  # a proxy changed `Host`
        ("127.0.0.1", {"host": "127.0.0.1", "origin": "http://["}, False),
        ("127.0.0.1", {"host": "avatar.example.org"}, False),
        ("127.0.0.1", {"host": "192.0.2.1"}, False),
        ("127.0.0.1", {"host": "localhost", "x-forwarded-for": "192.0.2.1"}, False),
        ("127.0.0.1", {"host": "localhost", "x-forwarded-for": "127.0.0.1"}, False),
        ("127.0.0.1", {"host": "localhost", "x-real-ip": "192.0.2.1"}, False),
        ("127.0.0.1", {"host": "localhost", "forwarded": "for=192.0.2.1"}, False),
        ("127.0.0.1", {"host": "localhost", "via": "1.1 proxy"}, False),
    ],
)
def test_output_view_opens_only_without_a_proxy(client: str, headers: dict[str, str], local: bool) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert is_from_this_machine(HTTPConnection({"type": "websocket", "client": (client, 1), "headers": raw})) is local


async def test_damaged_headers_are_answered_and_never_an_error_of_the_server() -> None:
    chance = random.Random(7)
    parts = [
        "http://",
        "//",
        "[",
        "]",
        "::1",
        "%",
        "@",
        ":",
        "99999",
        "localhost",
        "\u00e9",
        "\t",
        ";",
        ",",
        "=",
        '"',
        "Bearer",
    ]
    names = [
        "Host", "Origin", "Authorization", "Forwarded", "X-Forwarded-For", "X-Real-IP", "Content-Length", "Range",
        "If-Modified-Since", "If-None-Match", "Accept-Encoding", "Connection", "Upgrade", "Sec-WebSocket-Key",
    ]  # fmt: skip
    async with serving(Settings(token=TOKEN)) as (address, _):
        for _ in range(300):
            head = [f"GET {chance.choice(['/', '/api/config', '/api/picture', '/ws'])} HTTP/1.1"]
            for name in chance.sample(names, chance.randint(1, 4)):
                head.append(f"{name}: {''.join(chance.choices(parts, k=chance.randint(0, 5)))}")
            assert await raw_status(address, head) not in range(500, 600), head


async def raw_status(address: str, head: list[str]) -> int:
    """The status of the answer to a request with this head, 0 if the server closes without one."""
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write("\r\n".join([*head, "", ""]).encode("latin-1"))
    writer.write_eof()
    async with asyncio.timeout(MESSAGE_TIMEOUT_S):
        line = await reader.readline()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return int(line.split()[1]) if line else 0
