"""The control API at the ingress, with replicas that are objects here: which one answers, and what is merged."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from streamer.cluster.control_relay import ControlRelay, PlacedSession, listed
from streamer.cluster.http_relay import HttpRelay
from streamer.errors import KagamiError
from streamer.server.error_answers import answer_error
from streamer.server.rate_limits import RateLimiters
from streamer.settings import Settings
from tests.support.page import UNLIMITED

ROOT = "http://localhost/api/v1"


def session(replica: str, since: float, handle: str, live: bool = True) -> PlacedSession:
    return PlacedSession(replica, since, {"session": handle, "live": live})


class Replicas:
    """Replicas a and b; each answers a request with its name and what it was asked."""

    def __init__(self, *sessions: PlacedSession) -> None:
        self.listed = sorted(sessions, key=lambda each: -each.since)
        self.directory: dict[str, str] = {}  # replicas by handle, as far as it knows
        self.left: dict[str, str] = {}  # sessions that are not any more where it says
        self.asked = 0  # how often all replicas were

    async def sessions(self) -> list[PlacedSession]:
        self.asked += 1
        return self.listed

    async def recent_sessions(self) -> list[PlacedSession]:
        return self.listed

    async def replica_of(self, session: str) -> str | None:
        return self.directory.get(session)

    async def http(self, scope: dict[str, Any], body: bytes, way: str) -> AsyncIterator[dict[str, Any]]:
        asked = {"way": way, "query": scope["query_string"].decode(), "body": body.decode()}
        headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
        has_left = any(way == f"to {replica}" and name in asked["query"] for name, replica in self.left.items())
        status = 404 if has_left else 202
        yield {"type": "http.response.start", "status": status, "headers": headers, "replica": way}
        yield {"type": "http.response.body", "body": json.dumps(asked).encode()}


def client(replicas: Replicas, settings: Settings | None = None, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """A program at this address."""
    settings = settings or Settings()
    relay = ControlRelay(
        replicas, HttpRelay(replicas, settings), settings, RateLimiters(UNLIMITED), lambda socket: pytest.fail()
    )
    app = Starlette(routes=relay.routes, exception_handlers={KagamiError: answer_error})
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url=ROOT)


async def test_call_goes_to_the_replica_of_its_session_and_without_one_to_the_newest_live_one() -> None:
    replicas = Replicas(session("a", 1, "aaaa"), session("b", 2, "bbbb"), session("a", 3, "cccc", live=False))
    async with client(replicas) as http:
        one = await http.patch("/controls", params={"session": "aaaa"}, json={"head": 1.5})
        assert one.json() == {"way": "to a", "query": "session=aaaa", "body": '{"head":1.5}'}
        assert (one.status_code, one.headers.get_list("cache-control")) == (202, ["no-store"])
        newest = await http.get("/snapshot", params={"format": "webp"})
        assert newest.json() == {"way": "to b", "query": "format=webp&session=bbbb", "body": ""}
        assert (await http.get(ROOT)).json()["way"] == "any"


async def test_call_asks_all_replicas_only_where_the_directory_knows_no_better() -> None:
    replicas = Replicas(session("a", 1, "aaaa"), session("b", 2, "bbbb"))
    replicas.directory = {"aaaa": "a"}
    async with client(replicas) as http:
        assert (await http.get("/state", params={"session": "aaaa"})).json()["way"] == "to a"
        assert (await http.get("/state")).json()["way"] == "to b" and replicas.asked == 0
        assert (await http.get("/state", params={"session": "bbbb"})).json()["way"] == "to b" and replicas.asked == 1
        replicas.left, replicas.listed = {"aaaa": "a"}, [session("b", 3, "aaaa")]
        moved = await http.patch("/controls", params={"session": "aaaa"}, json={"head": 1.5})
        assert (moved.json()["way"], moved.json()["body"]) == ("to b", '{"head":1.5}') and replicas.asked == 2


async def test_sessions_of_all_replicas_are_listed_with_one_newest() -> None:
    replicas = Replicas(session("a", 1, "aaaa"), session("b", 2, "bbbb"), session("a", 3, "cccc", live=False))
    async with client(replicas) as http:
        answer = (await http.get("/sessions")).json()["sessions"]
    assert [(each["session"], each["newest"]) for each in answer] == [("cccc", False), ("bbbb", True), ("aaaa", False)]


def test_session_on_its_way_to_another_replica_is_listed_once() -> None:
    sessions = [session("b", 5, "aaaa"), session("a", 1, "aaaa", live=False)]
    assert listed(sessions) == {"sessions": [{"session": "aaaa", "live": True, "newest": True}]}


async def test_call_without_its_session_is_refused_as_by_one_server() -> None:
    async with client(Replicas()) as http:
        nobody = await http.get("/state")
        assert (nobody.status_code, nobody.json()["code"]) == (404, "no-session")
    async with client(Replicas(session("a", 1, "aaaa"))) as http:
        unknown = await http.get("/state", params={"session": "bbbb"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "no-session")


@pytest.mark.parametrize(
    ("settings", "address", "status"),
    [
        (Settings(), "10.0.0.9", 403),
        (Settings(token="a-word"), "127.0.0.1", 401),
        (Settings(control_api="off"), "127.0.0.1", 403),
    ],
)
async def test_rules_of_one_server_hold_before_any_replica_is_asked(
    settings: Settings, address: str, status: int
) -> None:
    async with client(Replicas(session("a", 1, "aaaa")), settings, address) as http:
        for path in ("/sessions", "/state", ROOT):
            assert (await http.get(path)).status_code == status
