"""The control API over HTTP: who may use it, how it answers, and that docs/control-api.md names all of it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from streamer.errors import ForbiddenError, MissingTokenError
from streamer.server.control_api_access import ControlAccess
from streamer.server.control_api_calls import CALLS, EVENTS, Subscribe
from streamer.server.control_api_routes import ENDPOINTS, ROOT, SOCKET, UPLOAD
from streamer.server.page_messages import Control
from streamer.server.rate_limits import Limits, Rate, RateLimiters
from streamer.settings import Settings
from streamer.sources.acts import ACT_NAMES
from tests.support.page import UNLIMITED, FakeCamera, Page, serving, socket_url
from tests.support.server_checks import http_request, png

DOCUMENT = (Path(__file__).parents[3] / "docs" / "control-api.md").read_text(encoding="utf-8")
WORD = "a secret word"


async def call(address: str, method: str, path: str, **options: Any) -> httpx.Response:
    return await http_request(address, method, ROOT + path, **options)


async def test_a_session_is_controlled_over_http() -> None:
    async with serving(limits=UNLIMITED) as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(1)
        assert (await call(address, "GET", "")).json()["version"] == 1
        assert [each["live"] for each in (await call(address, "GET", "/sessions")).json()["sessions"]] == [True]
        handle = (await call(address, "GET", "/state")).json()["session"]
        here = {"session": handle}
        answer = await call(address, "POST", "/acts", json={"name": "smile", "on": True}, params=here)
        assert answer.json() == {"on": ["smile"]} and answer.headers["cache-control"].startswith("no-store")
        assert (await call(address, "GET", "/acts")).json() == {"on": ["smile"]}
        assert (await call(address, "DELETE", "/acts")).json() == {"on": []}
        changed = await call(address, "PATCH", "/controls", json={"head": 0.5})
        assert changed.json() == (await call(address, "GET", "/controls")).json()
        assert changed.json()["controls"]["head"] == 0.5
        upload = await call(address, "PUT", "/picture", content=png((1, 2, 3)), params={"name": "../a/b<cat>.png"})
        assert upload.status_code == 202 and upload.json()["name"] == "..abcat.png"
        ready = await page.receive("picture-status", stage="ready")
        assert ready["by_program"] and ready["name"] == "..abcat.png"
        assert (await call(address, "GET", "/picture")).json()["picture"] == upload.json()["picture"]
        chosen = await call(address, "POST", "/picture", json={"picture": "start"})
        assert (chosen.status_code, chosen.json()["stage"]) == (202, "preparing")
        snapshot = await call(address, "GET", "/snapshot", params={"format": "webp"})
        assert snapshot.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(snapshot.content)).format == "WEBP"
        assert (await call(address, "GET", "/statistics")).json()["sessions"] == 1


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/state", {"params": {"session": "0badcafe"}}, 404, "no-session"),
        ("GET", "/state", {"params": {"hat": "1"}}, 400, "protocol"),
        ("GET", "/snapshot", {}, 409, "not-live"),
        ("GET", "/statistics", {}, 409, "not-live"),
        ("POST", "/picture", {"json": {"picture": "shelf/cat.png"}}, 404, "no-picture"),
        ("POST", "/picture", {"json": {"picture": "x" * 500}}, 400, "protocol"),
        ("POST", "/acts", {"content": b"smile"}, 400, "protocol"),
        ("POST", "/acts", {"content": b"x" * 70_000}, 400, "protocol"),
        ("PATCH", "/controls", {"json": {"straighten": True}}, 409, "not-seen"),
        ("PUT", "/picture", {"content": b"not a picture"}, 400, "picture"),
    ],
)
async def test_what_cannot_be_done_is_a_status_and_a_sentence(
    method: str, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        answer = await call(address, method, path, **options)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["message"].endswith(".")


async def test_calls_are_bounded_in_their_rate() -> None:
    async with serving(limits=Limits(calls=(Rate(100, 1), Rate(2, 0.01)))) as (address, _):
        assert [(await call(address, "GET", "")).status_code for _ in range(4)] == [200, 200, 429, 429]


async def test_with_a_token_whoever_has_it_may_and_nobody_else() -> None:
    async with serving(Settings(token=WORD)) as (address, _):
        for method, path in [*((each.method, each.path) for each in ENDPOINTS), UPLOAD]:
            assert (await call(address, method, path)).status_code == 401
        bearer = {"Authorization": f"Bearer {WORD}"}
        assert (await call(address, "GET", "/sessions", headers=bearer)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),  # another program's page on this machine
        ({"Sec-Fetch-Site": "cross-site"}, 403),  # as a picture or a form of another site, in which Origin may lack
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),  # typed into the browser
        ({"X-Forwarded-For": "192.0.2.7"}, 403),
        ({"Host": "kagami.example"}, 403),
    ],
)
async def test_pages_of_other_sites_and_other_machines_are_refused(headers: dict[str, str], status: int) -> None:
    async with serving() as (address, _):
        assert (await call(address, "GET", "/sessions", headers=headers)).status_code == status


def access(client: str, settings: Settings, **headers: str) -> str:
    fields = {"host": "127.0.0.1:8080", **headers}
    scope = {"type": "http", "client": (client, 5000), "headers": Headers(fields).raw, "query_string": b""}
    return ControlAccess(settings, RateLimiters(Limits())).check(HTTPConnection(scope))


def test_other_machines_come_in_by_token_where_they_may() -> None:
    here, there, bearer = "127.0.0.1", "192.0.2.7", {"authorization": f"Bearer {WORD}"}
    assert access(here, Settings()) == here
    with pytest.raises(ForbiddenError, match="for programs on the server's own machine"):
        access(there, Settings())
    assert access(there, Settings(token=WORD, control_api="token"), **bearer) == there
    with pytest.raises(ForbiddenError, match="--control-api token"):
        access(there, Settings(control_api="token"))  # without a token it is for everybody, and so for nobody
    with pytest.raises(MissingTokenError):
        access(here, Settings(token=WORD))
    assert access(here, Settings(token=WORD), **bearer) == here
    with pytest.raises(ForbiddenError, match="--control-api token"):
        access(there, Settings(token=WORD), **bearer)
    with pytest.raises(ForbiddenError, match="switched off"):
        access(here, Settings(token=WORD, control_api="off"), **bearer)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of the document, without its head."""
    section = DOCUMENT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [re.split(r"\s*\|\s*", line)[1:-1] for line in lines[2:]]


def names(cell: str) -> set[str]:
    """The fields that a cell names: in each of its parts before the colon."""
    return {name for part in cell.split(";") for name in re.findall(r"`([a-z_]+)`", part.split(":")[0])}


def test_document_names_every_call_with_its_route_and_its_fields() -> None:
    described = {(cells[0].strip("`"), cells[1].strip("`")): names(cells[2]) for cells in rows("Calls")}
    routes = {(each.do, f"{each.method} {ROOT}{each.path}") for each in ENDPOINTS}
    assert described.keys() == routes | {("–", f"{UPLOAD[0]} {ROOT}{UPLOAD[1]}"), ("subscribe", "–")}
    assert {each.do for each in ENDPOINTS} == set(CALLS)
    for (do, _), fields in described.items():
        if do == "control":
            assert {"calibrate", "straighten"} < fields and "[`control`](protocol.md)" in DOCUMENT
        elif do == "subscribe":
            assert fields == set(Subscribe.__struct_fields__)
        elif do != "–":
            assert fields == set(CALLS[do].__struct_fields__), do
    assert {"calibrate", "straighten"} < set(Control.__struct_fields__)


def test_document_names_every_event_face_status_and_address() -> None:
    assert [cells[0].strip("`") for cells in rows("Events")] == list(EVENTS)
    assert [name for name in ACT_NAMES if f"`{name}`" not in DOCUMENT] == []
    assert f"`{ROOT}{SOCKET}`" in DOCUMENT
