"""The ingress's way to the engines, by handles of Ray Serve that are objects here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streamer.cluster import replica_links
from streamer.cluster.errors import ReplicaGoneError, SlowReplicaError
from streamer.cluster.fleet_view import FleetView, SharedView
from streamer.cluster.replica_links import ReplicaLinks
from streamer.cluster.routing import Load

SECRET = "q3J5rX0b9Qy1xT7uJ5mW2R"


class Handle:
    """A handle whose calls `answer` answers, given way, method and arguments. calls: ways and methods, in turn."""

    def __init__(self, answer: Callable[..., Any], way: str = "", calls: list[tuple[str, str]] | None = None) -> None:
        self._answer, self._way = answer, way
        self.calls: list[tuple[str, str]] = [] if calls is None else calls

    def options(self, session_id: str, stream: bool = False) -> Handle:
        return Handle(self._answer, session_id, self.calls)

    def __getattr__(self, method: str) -> Any:
        handle = self

        class Method:
            async def remote(self, *arguments: Any) -> Any:
                handle.calls.append((handle._way, method))
                answer = handle._answer(handle._way, method, *arguments)
                if isinstance(answer, Exception):
                    raise answer
                return answer

        return Method()


class Links(ReplicaLinks):
    """engines, directory: what was called there."""

    def __init__(self, engine: Callable[..., Any], known: dict[str, str] | None = None) -> None:
        self.engines = Handle(engine)
        self.directory = Handle(lambda way, method, key: (known or {}).get(key))
        super().__init__(self.engines, self.directory)


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> SharedView:
    """Of the router: a and b run, c is being taken away."""
    view = SharedView()
    view.put(FleetView({"a": Load(0, 1), "b": Load(0, 1)}, {"c": 0.0}))
    monkeypatch.setattr(replica_links, "VIEW", view)
    return view


async def test_sessions_are_those_of_all_replicas_that_answer_also_of_one_that_is_being_taken_away(
    view: SharedView,
) -> None:
    def engine(way: str, method: str) -> Any:
        states = {"to a": [(1.0, {"session": "aaaa"})], "to c": [(2.0, {"session": "cccc"})]}
        return (way.removeprefix("to "), states[way]) if way in states else SlowReplicaError(10.0)

    links = Links(engine)
    assert [(each.handle, each.replica) for each in await links.sessions()] == [("cccc", "c"), ("aaaa", "a")]


async def test_recent_sessions_are_asked_for_again_once_they_are_old_or_another_session_began(
    view: SharedView, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = Links(lambda way, method: (way.removeprefix("to "), [(1.0, {"session": way})]))
    monkeypatch.setattr(replica_links, "RECENT_S", 1e9)
    await links.recent_sessions()
    asked = len(links.engines.calls)
    await links.recent_sessions()
    assert len(links.engines.calls) == asked == 3
    links.note("a new session", None, "a")
    await links.recent_sessions()
    assert len(links.engines.calls) == 2 * asked
    monkeypatch.setattr(replica_links, "RECENT_S", 0.0)
    await links.recent_sessions()
    assert len(links.engines.calls) == 3 * asked


async def test_directory_says_where_a_session_is_and_the_ingress_where_that_knows_nothing_yet(
    view: SharedView,
) -> None:
    links = Links(lambda *_: None, {"aaaa": "a"})
    links.note("aaaa", None, "b")
    links.note("bbbb", SECRET, "b")
    links.note("dddd", None, "dead")
    assert [await links.replica_of(name) for name in ("aaaa", "bbbb", "cccc", "dddd")] == ["a", "b", None, None]
    assert [await links.locate(each) for each in (SECRET, SECRET[::-1])] == [("b", None, True), (None, None, True)]


async def test_replica_that_takes_a_session_is_not_its_home_before_it_is_ready(view: SharedView) -> None:
    links = Links(lambda *_: "b")
    links.note("name", SECRET, "a")
    assert await links.adopt(SECRET, None, {"a"}) == "b"  # type: ignore[arg-type]
    assert (await links.locate(SECRET)).home == "a"


async def test_new_replicas_are_greeted_once_and_those_that_leave_from_time_to_time(
    view: SharedView, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = Links(lambda way, method, *_: ReplicaGoneError("gone") if way == "to c" else None)
    await links.greet()
    assert sorted(links.engines.calls) == [("to a", "hear"), ("to b", "hear"), ("to c", "hear")]
    await links.greet()
    assert len(links.engines.calls) == 3
    monkeypatch.setattr(links, "_greet_leaving_at", 0.0)
    await links.greet()
    assert links.engines.calls[3:] == [("to c", "hear")]


@pytest.mark.parametrize("failure", [SlowReplicaError(10.0), ReplicaGoneError("it is being replaced")])
async def test_directory_that_does_not_answer_is_waited_for_only_where_nobody_else_knows(
    view: SharedView, failure: Exception
) -> None:
    links = Links(lambda *_: None)
    links.directory._answer = lambda *_: failure
    with pytest.raises(type(failure)):
        await links.locate(SECRET)
    links.note("name", SECRET, "a")
    assert await links.locate(SECRET) == ("a", None, False)
    links.note("name", SECRET, "dead")
    with pytest.raises(type(failure)):
        await links.locate(SECRET)
