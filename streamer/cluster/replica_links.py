"""The engines of the cluster through Ray Serve's handles: `page_relay.Replicas`."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from streamer.cluster.control_relay import PlacedSession
from streamer.cluster.errors import ReplicaGoneError
from streamer.cluster.fleet_view import VIEW, Way
from streamer.cluster.page_relay import Link, new_conversation
from streamer.cluster.session_directory import Record, digest
from streamer.errors import KagamiError

CALL_TIMEOUT_S = 10.0  # for a replica or the directory to answer
ADOPT_TIMEOUT_S = 30.0  # for a session to be prepared at another replica
MAX_HOMES = 100_000  # sessions that this ingress remembers
_GONE = (RayError, RayServeException, TimeoutError, OSError)


class ReplicaLinks:
    """engines, directory: handles of `EngineReplica` and `Directory`."""

    def __init__(self, engines: Any, directory: Any) -> None:
        self._engines = engines
        self._directory = directory
        self._greeted: set[str] = set()
        self._homes: OrderedDict[str, str] = OrderedDict()  # replica by name of session or digest, the oldest first

    async def greet(self) -> None:
        """Say something to each replica that is new, since the first call to one takes seconds."""
        names = set(VIEW.get().loads)
        new, self._greeted = names - self._greeted, names
        if not names:
            await self.broadcast("load")  # makes Serve tell this process of the replicas
        for name in new:
            with contextlib.suppress(KagamiError):
                await self._call(self._engines.options(session_id=Way.to(name)).hear.remote("", ""), CALL_TIMEOUT_S)

    async def home(self, secret: str) -> str | None:
        """See `Replicas`."""
        record = await self.find(secret)
        replica = self._homes.get(digest(secret)) if record is None else record.replica
        return replica if replica is not None and is_reached(replica) else None

    async def replica_of(self, session: str) -> str | None:
        """Where the session of this name is; None where nobody knows."""
        if session in self._homes and is_reached(self._homes[session]):
            return self._homes[session]
        with contextlib.suppress(*_GONE):
            found: str | None = await self._ask(self._directory.replica_of.remote(session))
            return found
        return None

    def note(self, session: str, secret: str | None, replica: str) -> None:
        """Remember where a session is, until the directory knows. secret: of its page."""
        for name in (session,) if secret is None else (session, digest(secret)):
            self._homes[name] = replica
            self._homes.move_to_end(name)
        while len(self._homes) > MAX_HOMES:
            self._homes.popitem(last=False)

    async def find(self, secret: str) -> Record[bytes] | None:
        """See `Replicas`. None also while the directory is being replaced."""
        with contextlib.suppress(*_GONE):
            found: Record[bytes] | None = await self._ask(self._directory.find.remote(digest(secret)))
            return found
        return None

    async def open(self, scope: dict[str, Any], replica: str | None, without: Collection[str] = ()) -> Link:
        """See `Replicas`."""
        way = Way.seat(*without) if replica is None else Way.to(replica)
        name = new_conversation()
        events = self._engines.options(stream=True, session_id=way).converse.remote(name, scope)
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                _, opened = await anext(events)
        except (*_GONE, KagamiError, StopAsyncIteration) as error:
            raise _gone(error) from error
        return ReplicaLink(self._engines, opened, name, events)

    async def carry(self, replica: str, secret: str) -> Record[bytes] | None:
        """See `Replicas`."""
        record: Record[bytes] | None = await self._call(
            self._engines.options(session_id=Way.to(replica)).carry.remote(secret), CALL_TIMEOUT_S
        )
        return record

    async def adopt(self, secret: str, record: Record[bytes], without: Collection[str]) -> str:
        """See `Replicas`."""
        handle = self._engines.options(session_id=Way.seat(*without))
        name: str = await self._call(handle.adopt.remote(secret, record), ADOPT_TIMEOUT_S)
        self.note(record.session, secret, name)
        return name

    def has_room(self, without: Collection[str]) -> bool:
        """See `Replicas`."""
        return any(
            load.live < load.capacity and not load.draining
            for name, load in VIEW.get().loads.items()
            if name not in without
        )

    async def http(self, scope: dict[str, Any], body: bytes, way: str) -> AsyncIterator[dict[str, Any]]:
        """See `http_relay.Answering`."""
        try:
            async for message in self._engines.options(stream=True, session_id=way).http.remote(scope, body):
                yield message
        except _GONE as error:
            raise _gone(error) from error

    async def sessions(self) -> list[PlacedSession]:
        """The sessions of all replicas, the newest first."""
        found = await self.broadcast("sessions")
        placed = [PlacedSession(replica, since, state) for replica, listed in found.items() for since, state in listed]
        return sorted(placed, key=lambda each: each.since, reverse=True)

    async def let_go(self, replica: str, location: str) -> None:
        """See `EngineReplica.let_go`. Raises ReplicaGoneError."""
        await self._call(self._engines.options(session_id=Way.to(replica)).let_go.remote(location), CALL_TIMEOUT_S)

    async def release(self, replica: str, name: str) -> None:
        """See `EngineReplica.release`. Raises ReplicaGoneError."""
        await self._call(self._engines.options(session_id=Way.to(replica)).release.remote(name), CALL_TIMEOUT_S)

    async def broadcast(self, method: str) -> Mapping[str, Any]:
        """What each running replica answers, by its name; one that does not is left out."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                answers = await self._engines.broadcast(method).results_async()
        except _GONE:
            return {}
        return {name: rest[0] if len(rest) == 1 else rest for name, *rest in answers}

    async def _ask(self, response: Any) -> Any:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            return await response

    async def _call(self, response: Any, timeout_s: float) -> Any:
        """The answer of a replica. Raises ReplicaGoneError, and the replica's own KagamiErrors."""
        try:
            async with asyncio.timeout(timeout_s):
                return await response
        except _GONE as error:
            raise _gone(error) from error


class ReplicaLink:
    """See `Link`. name: of the conversation. opened: the replica's name. events: the rest of its stream."""

    def __init__(self, engines: Any, opened: str, name: str, events: Any) -> None:
        self.replica = opened
        self._hear = engines.options(session_id=Way.to(opened)).hear
        self._name = name
        self._events = events

    async def events(self) -> AsyncIterator[tuple[str, Any]]:
        """See `Link`."""
        try:
            async for event in self._events:
                yield event
        except _GONE as error:
            raise _gone(error) from error

    async def send(self, text: str | None) -> None:
        """See `Link`."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await self._hear.remote(self._name, text)
        except (*_GONE, KagamiError) as error:
            raise _gone(error) from error


def is_reached(replica: str) -> bool:
    """Whether a replica runs, or is being taken away and still answers."""
    view = VIEW.get()
    return replica in view.loads or replica in view.leaving


def _gone(error: BaseException) -> KagamiError:
    """What a failed call means: the replica's own sentence, where it has one, and else that it is gone."""
    cause = getattr(error, "cause", None)
    if isinstance(error, KagamiError):
        return error
    if isinstance(cause, KagamiError):
        return cause
    return ReplicaGoneError(f"The engine of this session does not answer any more ({type(error).__name__}).")
