"""One program's WebSocket on a cluster, with replicas that are objects here: calls, events, moves and deaths."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest

from streamer.cluster import control_calls
from streamer.cluster.control_calls import ClusterCalls
from streamer.cluster.control_relay import PlacedSession
from streamer.cluster.errors import RelayedError, ReplicaGoneError
from streamer.errors import NoPageError, UnknownHandleError
from streamer.server.control_api import Caller
from streamer.server.control_api_socket import ApiEvent
from tests.support.replica_links import FakeLink

TIMEOUT_S = 10.0
CALLER = Caller("127.0.0.1", "a program")


def session(replica: str, since: float, handle: str) -> PlacedSession:
    return PlacedSession(replica, since, {"session": handle, "live": True})


class Link(FakeLink):
    """A WebSocket to a replica, which answers every call with its name, `act` with an error, and those of sessions that
    have `left` with that.
    """

    def __init__(self, replica: str) -> None:
        super().__init__(replica)
        self.left: set[str] = set()

    def reply(self, message: dict[str, Any]) -> None:
        if message.get("session") in self.left:
            self.say(id=message["id"], error={"code": "no-session", "message": "It is not here."})
        elif message["do"] == "act":
            self.say(id=message["id"], error={"code": "busy", "message": "It is busy."})
        elif message["do"] != "mood":  # which is never answered
            self.say(id=message["id"], ok={"replica": self.replica})

    @property
    def calls(self) -> list[dict[str, Any] | None]:
        """What it heard, None for the end."""
        return [json.loads(each) if each else None for each in self.heard]

    @property
    def subscribed(self) -> list[tuple[list[str], str | None]]:
        return [(each["events"], each.get("session")) for each in self.calls if each and each["do"] == "subscribe"]


class Replicas:
    """links: to each replica, in turn. directory: replicas by handle, as far as it knows. asked: how often all
    replicas were.
    """

    def __init__(self, *sessions: PlacedSession) -> None:
        self.links: dict[str, Link] = {}
        self.listed = list(sessions)
        self.directory: dict[str, str] = {}
        self.asked = 0

    async def sessions(self) -> list[PlacedSession]:
        self.asked += 1
        return await self.recent_sessions()

    async def recent_sessions(self) -> list[PlacedSession]:
        return sorted(self.listed, key=lambda each: -each.since)

    async def replica_of(self, session: str) -> str | None:
        return self.directory.get(session)

    async def open(self, scope: dict[str, Any], replica: str | None, without: Collection[str] = ()) -> Link:
        assert replica is not None and scope["path"] == "/api/v1/ws"
        self.links[replica] = Link(replica)
        return self.links[replica]


class Program:
    """`async with Program(replicas) as program`: its calls and the events that it heard."""

    def __init__(self, replicas: Replicas) -> None:
        scope = {"type": "websocket", "path": "/api/v1/ws"}
        self.calls = ClusterCalls(replicas, SimpleNamespace(scope=scope))  # type: ignore[arg-type]
        self.events: list[ApiEvent] = []
        self.heard = asyncio.Event()
        self.calls.listen(self._on_event)

    def _on_event(self, event: ApiEvent) -> None:
        self.events.append(event)
        self.heard.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.events) < count:
                self.heard.clear()
                await self.heard.wait()

    async def __aenter__(self) -> Program:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.calls.release_holder("a program")
        assert self.calls._ending is not None
        await self.calls._ending


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_calls, "FOLLOW_PERIOD_S", 0.01)


async def test_call_reaches_the_replica_of_its_session_over_one_websocket_each() -> None:
    replicas = Replicas(session("a", 1, "aaaa"), session("b", 2, "bbbb"))
    async with Program(replicas) as program:
        assert await program.calls.call("state", {}, CALLER, "aaaa") == {"replica": "a"}
        assert await program.calls.call("state", {}, CALLER) == {"replica": "b"}
        assert await program.calls.call("control", {"head": 1.5}, CALLER, "aaaa") == {"replica": "a"}
        listed = await program.calls.call("sessions", {}, CALLER)
        assert [each["session"] for each in listed["sessions"]] == ["bbbb", "aaaa"]
        assert (await program.calls.call("describe", {}, CALLER))["version"] == 1
        with pytest.raises(UnknownHandleError):
            await program.calls.call("state", {}, CALLER, "cccc")
        replicas.listed.clear()
        with pytest.raises(NoPageError):
            await program.calls.call("state", {}, CALLER)
    a, b = replicas.links["a"], replicas.links["b"]
    assert [each and each["do"] for each in a.calls] == ["state", "control", None], "what is held at a has not ended"
    assert [each and each["session"] for each in b.calls] == ["bbbb", None]


async def test_call_asks_all_replicas_only_where_the_directory_knows_no_better() -> None:
    replicas = Replicas(session("a", 1, "aaaa"), session("b", 2, "bbbb"))
    replicas.directory = {"aaaa": "a"}
    async with Program(replicas) as program:
        assert await program.calls.call("state", {}, CALLER, "aaaa") == {"replica": "a"}
        assert await program.calls.call("state", {}, CALLER) == {"replica": "b"}
        assert replicas.asked == 0
        assert await program.calls.call("state", {}, CALLER, "bbbb") == {"replica": "b"}
        assert replicas.asked == 1
        replicas.links["a"].left, replicas.listed[0] = {"aaaa"}, session("b", 3, "aaaa")
        assert await program.calls.call("state", {}, CALLER, "aaaa") == {"replica": "b"}, "it has moved"
        assert replicas.asked == 2


async def test_call_fails_with_the_replicas_own_sentence_and_with_one_where_it_dies() -> None:
    replicas = Replicas(session("a", 1, "aaaa"))
    async with Program(replicas) as program:
        with pytest.raises(RelayedError, match=r"It is busy\.") as caught:
            await program.calls.call("act", {"name": "smile"}, CALLER)
        assert caught.value.code == "busy"
        waiting = asyncio.create_task(program.calls.call("mood", {}, CALLER))
        async with asyncio.timeout(TIMEOUT_S):
            while len(replicas.links["a"].heard) < 2:
                await asyncio.sleep(0)
        replicas.links["a"].die()
        with pytest.raises(ReplicaGoneError):
            await waiting
        assert await program.calls.call("state", {}, CALLER) == {"replica": "a"}, "no new WebSocket was opened"


async def test_events_follow_the_newest_session_and_a_session_that_moves() -> None:
    replicas = Replicas(session("a", 1, "aaaa"))
    async with Program(replicas) as program:
        await program.calls.watch(frozenset({"state", "sessions"}), None)
        assert replicas.links["a"].subscribed == [(["state"], "aaaa")]
        replicas.links["a"].say(event="state", session="aaaa", live=True)
        await program.until(1)
        replicas.listed.append(session("b", 2, "bbbb"))
        await program.until(2)
        began = program.events[1]
        assert (began.name, began.handle, len(began.values["sessions"])) == ("sessions", "bbbb", 2)
        async with asyncio.timeout(TIMEOUT_S):
            while program.calls.newest_handle != "bbbb" or "b" not in replicas.links:
                await asyncio.sleep(0.01)
        await program.calls.watch(frozenset({"acts"}), "aaaa")
        assert replicas.links["a"].subscribed[-1] == (["acts"], "aaaa")
        replicas.listed[0] = session("b", 3, "aaaa")
        async with asyncio.timeout(TIMEOUT_S):
            while (["acts"], "aaaa") not in replicas.links["b"].subscribed:
                await asyncio.sleep(0.01)
        assert replicas.links["a"].subscribed[-1] == ([], None)
        replicas.links["a"].say(event="acts", session="cccc", on=[])  # of another session: not told
        replicas.links["b"].say(event="acts", session="aaaa", on=["smile"])
        await program.until(3)
        assert (program.events[2].handle, program.events[2].values) == ("aaaa", {"on": ["smile"]})


async def test_subscription_to_a_session_that_is_not_there_is_refused() -> None:
    async with Program(Replicas()) as program:
        with pytest.raises(UnknownHandleError):
            await program.calls.watch(frozenset({"state"}), "aaaa")
