"""Encoders and players at the ingress, with replicas that are objects here: where each of them goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from streamer.cluster import whip_relay
from streamer.cluster.control_relay import PlacedSession
from streamer.cluster.errors import MovedAwayError, ReplicaGoneError, SlowReplicaError
from streamer.cluster.fleet_view import FleetView, SharedView
from streamer.cluster.http_relay import HttpRelay
from streamer.cluster.replicas import Location
from streamer.cluster.routing import Load
from streamer.cluster.session_directory import Record, digest
from streamer.cluster.whip_relay import WhipRelay
from streamer.settings import Settings
from tests.support.page import MESSAGE_TIMEOUT_S

SECRET = "whip me"  # of the camera `me`


class Replicas:
    """Replicas a and b, of which b has room. asked: by which way each request came. done: what else was asked of them.

    A new connection lives until `ended` is set; a request that may go to any replica begins none.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.done: list[tuple[str, ...]] = []
        self.records: dict[str, Record[bytes]] = {}
        self.homes: dict[str, str] = {}
        self.ended = asyncio.Event()
        self.letting_go = 0  # of two that are let go at once
        self.both_let_go = asyncio.Event()
        self.listed: list[PlacedSession] = []
        self.is_full = False
        self.full: set[str] = set()  # replicas that refuse encoders
        self.failure: SlowReplicaError | ReplicaGoneError | None = None  # of the directory
        self.gone: set[str] = set()  # replicas that do not answer any more

    async def http(self, scope: dict[str, Any], body: bytes, way: str) -> AsyncIterator[dict[str, Any]]:
        self.asked.append((scope["method"], scope["path"], way))
        kind, name = [*scope["path"].split("/")[1:3], "1-b"][:2]
        way_to, *without = way.split()
        replica = without[0] if way_to == "to" else next(each for each in "bac" if each not in without)
        headers = [(b"location", f"/{kind}/{name}/secret.{replica}".encode())] if scope["method"] == "POST" else []
        if way == "any":
            headers = []
        if replica in self.full and headers:
            yield {"type": "http.response.start", "status": 503, "headers": [], "replica": replica}
            return
        status = 201 if headers else 204
        yield {"type": "http.response.start", "status": status, "headers": headers, "replica": replica}
        yield {"type": "http.response.body", "body": b"v=0"}
        if headers:
            await self.ended.wait()

    async def locate(self, secret: str) -> Location:
        record, noted = self.records.get(secret), self.homes.get(digest(secret))
        if self.failure is not None:
            if noted is None:
                raise self.failure
            return Location(noted, None, is_certain=False)
        found = noted if record is None else record.replica
        return Location(None if found == "dead" else found, record)

    async def carry(self, replica: str, secret: str) -> Record[bytes] | None:
        if replica in self.gone:
            raise ReplicaGoneError("gone")
        return self.records.get(secret)

    async def adopt(self, secret: str, record: Record[bytes], without: Collection[str]) -> str:
        if self.is_full:
            raise MovedAwayError
        self.done.append(("adopt", secret, *sorted(without)))
        return "b"

    async def release(self, replica: str, name: str) -> None:
        if replica in self.gone:
            raise ReplicaGoneError("gone")
        self.done.append(("release", replica, name))

    async def let_go(self, replica: str, location: str) -> None:
        self.done.append(("let go", replica, location))
        self.letting_go += 1
        if self.letting_go == 2:
            self.both_let_go.set()
        await self.both_let_go.wait()

    async def recent_sessions(self) -> list[PlacedSession]:
        return self.listed

    def has_room(self, without: Collection[str]) -> bool:
        return not set("abc") <= set(without)

    def note(self, session: str, secret: str | None, replica: str) -> None:
        self.homes[session] = replica


class Programs(httpx.AsyncClient):
    """Encoders and players of this machine. `async with Programs(replicas) as http`, which has a `relay`."""

    def __init__(self, replicas: Replicas, settings: Settings | None = None) -> None:
        settings = settings or Settings(whip=True)
        self.relay = WhipRelay(replicas, HttpRelay(replicas, settings), settings)
        transport = httpx.ASGITransport(Starlette(routes=self.relay.routes), client=("127.0.0.1", 1))
        super().__init__(transport=transport, base_url="http://localhost", timeout=MESSAGE_TIMEOUT_S)

    async def __aexit__(self, *details: Any) -> None:
        held = list(self.relay._held)
        self.relay.close()
        await asyncio.gather(*held, return_exceptions=True)
        await super().__aexit__(*details)


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> SharedView:
    """Of the router: a and b run."""
    view = SharedView()
    view.put(FleetView({"a": Load(0, 1), "b": Load(0, 1)}))
    monkeypatch.setattr(whip_relay, "VIEW", view)
    return view


async def test_new_camera_goes_where_room_is_and_its_location_leads_back_there(view: SharedView) -> None:
    replicas = Replicas()
    async with Programs(replicas) as http:
        answer = await http.post("/whip/me", content="v=0")
        assert (answer.status_code, answer.text, answer.headers["location"]) == (201, "v=0", "/whip/me/secret.b")
        assert (await http.patch("/whip/me/secret.a")).status_code == 204
        await http.delete("/whip/me/secret.gone")
        await http.post("/whep/me", content="v=0")
        await http.post("/whip/me", content="v=0")
        await http.options("/whip/me")
    assert replicas.asked == [
        ("POST", "/whip/me", "seat"),
        ("PATCH", "/whip/me/secret.a", "to a"),
        ("DELETE", "/whip/me/secret.gone", "any"),
        ("POST", "/whep/me", "to b"),
        ("POST", "/whip/me", "to b"),
        ("OPTIONS", "/whip/me", "any"),
    ]


async def test_camera_that_comes_back_goes_on_elsewhere_where_its_replica_is_gone_or_leaves(view: SharedView) -> None:
    replicas = Replicas()
    async with Programs(replicas) as http:
        replicas.records[SECRET] = Record("name", "dead", b"", "")
        await http.post("/whip/me", content="v=0")
        replicas.records[SECRET] = Record("name", "a", b"", "")
        view.put(FleetView({"b": Load(0, 1)}, {"a": 0.0}))
        await http.post("/whip/me", content="v=0")
        assert replicas.done == [("adopt", SECRET, "dead"), ("adopt", SECRET, "a"), ("release", "a", "me")]
        assert [way for _, _, way in replicas.asked] == ["to b", "to b"]
        replicas.full, replicas.done[:] = {"b", "c", "a"}, []
        assert (await http.post("/whip/me", content="v=0")).status_code == 503
        assert replicas.done == [("adopt", SECRET, "a")], "its session ended before another replica had it"
        replicas.is_full, replicas.full = True, set()
        await http.post("/whip/me", content="v=0")  # begins anew, or is refused by an engine's own sentence
        assert replicas.asked[-1][2] == "seat"


async def test_session_goes_on_elsewhere_though_its_replica_went_while_its_camera_came_back(view: SharedView) -> None:
    replicas = Replicas()
    async with Programs(replicas) as http:
        replicas.records[SECRET] = Record("name", "a", b"", "")
        replicas.gone = {"a"}
        view.put(FleetView({"b": Load(0, 1)}, {"a": 0.0}))
        await http.post("/whip/me", content="v=0")
        assert replicas.done == [("adopt", SECRET, "a")] and replicas.asked[-1][2] == "to b"


async def test_camera_that_has_ended_binds_its_name_to_no_replica(view: SharedView) -> None:
    replicas = Replicas()
    async with Programs(replicas) as http:
        await http.post("/whip/me", content="v=0")
        replicas.ended.set()
        async with asyncio.timeout(MESSAGE_TIMEOUT_S):
            while http.relay._held:
                await asyncio.sleep(0)
        await http.post("/whip/me", content="v=0")
        assert [way for _, _, way in replicas.asked] == ["seat", "seat"]


@pytest.mark.parametrize("failure", [SlowReplicaError(10.0), ReplicaGoneError("it is being replaced")])
async def test_encoders_and_players_are_served_though_the_directory_does_not_answer(
    view: SharedView, failure: SlowReplicaError | ReplicaGoneError
) -> None:
    replicas = Replicas()
    replicas.failure = failure
    async with Programs(replicas) as http:
        assert (await http.post("/whip/me", content="v=0")).status_code == 201
        replicas.homes[digest(SECRET)] = "a"
        replicas.ended.set()
        async with asyncio.timeout(MESSAGE_TIMEOUT_S):
            while http.relay._held:
                await asyncio.sleep(0)
        assert (await http.post("/whip/me", content="v=0")).status_code == 201
        await http.post("/whep/me", content="v=0")
        await http.post("/whep/you", content="v=0")
    assert [way for _, _, way in replicas.asked] == ["seat", "to a", "to a", "any"]


async def test_player_without_a_name_goes_to_the_newest_live_session_of_all(view: SharedView) -> None:
    replicas = Replicas()
    async with Programs(replicas) as http:
        await http.post("/whep", content="v=0")
        replicas.listed = [
            PlacedSession("b", 2, {"session": "bbbb", "live": False}),
            PlacedSession("a", 1, {"session": "aaaa", "live": True}),
        ]
        await http.post("/whep/newest", content="v=0")
    assert [way for _, _, way in replicas.asked] == ["any", "to a"]


async def test_replica_is_held_while_its_connections_live_and_they_are_let_go_together_when_it_is_overdue(
    view: SharedView,
) -> None:
    replicas = Replicas()
    async with Programs(replicas) as http:
        for name in ("me", "you"):
            await http.post(f"/whip/{name}", content="v=0")
        await http.relay.let_go({"a"})
        assert replicas.done == [] and len(http.relay._held) == 2
        async with asyncio.timeout(MESSAGE_TIMEOUT_S):  # each ends only when the other one does
            await http.relay.let_go({"b"})
        assert replicas.done == [("let go", "b", f"/whip/{name}/secret.b") for name in ("me", "you")]
        replicas.ended.set()
        async with asyncio.timeout(MESSAGE_TIMEOUT_S):
            while http.relay._held:
                await asyncio.sleep(0)


async def test_encoder_that_a_full_replica_refuses_is_taken_by_another_one(view: SharedView) -> None:
    replicas = Replicas()
    replicas.full = {"b", "a"}
    async with Programs(replicas) as http:
        answer = await http.post("/whip/me", content="v=0")
        assert (answer.status_code, answer.headers["location"]) == (201, "/whip/me/secret.c")
        assert [way for _, _, way in replicas.asked] == ["seat", "seat b", "seat b a"]
        assert replicas.homes[digest(SECRET)] == "c"
        replicas.full = {"a", "b", "c"}
        refused = await http.post("/whip/you", content="v=0")
        assert refused.status_code == 503 and len(replicas.asked) == 6


async def test_nothing_moves_for_a_program_that_may_not_come(view: SharedView) -> None:
    replicas = Replicas()
    replicas.records[SECRET] = Record("name", "dead", b"", "")
    async with Programs(replicas, Settings(whip=True, token="a-word")) as http:
        await http.post("/whip/me", content="v=0")
        assert (replicas.asked, replicas.done) == ([("POST", "/whip/me", "any")], [])
        await http.post("/whip/me", content="v=0", headers={"Authorization": "Bearer a-word"})
        assert replicas.done == [("adopt", SECRET, "dead")]
