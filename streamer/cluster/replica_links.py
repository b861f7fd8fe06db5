"""The engines of the cluster through Ray Serve's handles: `replicas.Replicas`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import Any

from streamer.cluster.control_relay import PlacedSession
from streamer.cluster.errors import ReplicaGoneError, SlowReplicaError
from streamer.cluster.fleet_view import VIEW, Way
from streamer.cluster.page_relay import new_conversation
from streamer.cluster.patience import answer_of, awaited_answer, told_by
from streamer.cluster.replicas import Link, Location
from streamer.cluster.session_directory import Record, digest
from streamer.errors import KagamiError

ADOPT_TIMEOUT_S = 30.0  # for a session to be prepared at another replica
RECENT_S = 0.5  # how old the list of all sessions may be for a call that names none
GREET_PERIOD_S = 5.0  # of replicas that are being taken away: the router learns by it that one has ended
MAX_HOMES = 100_000  # sessions that this ingress remembers
_log = logging.getLogger(__name__)


class ReplicaLinks:
    """engines, directory: handles of `EngineReplica` and `Directory`."""

    def __init__(self, engines: Any, directory: Any) -> None:
        self._engines = engines
        self._directory = directory
        self._greeted: set[str] = set()
        self._greet_leaving_at = 0.0
        self._homes: OrderedDict[str, str] = OrderedDict()  # replica by name of session or digest, the oldest first
        self._listed: list[PlacedSession] = []
        self._listed_at = -RECENT_S

    async def greet(self) -> None:
        """Say something to each replica that is new, since the first call to one takes seconds, and from time to time
        to those that are being taken away.
        """
        view, now = VIEW.get(), time.monotonic()
        names = set(view.loads)
        new, self._greeted = names - self._greeted, names
        if not names:
            await self._engines_answer("load")  # makes Serve tell this process of the replicas
        if now >= self._greet_leaving_at:
            self._greet_leaving_at = now + GREET_PERIOD_S
            new |= set(view.leaving)
        await asyncio.gather(*(self._ask_one(name, "hear", "", "") for name in new))

    async def locate(self, secret: str) -> Location:
        """See `replicas.Replicas`. Where the directory does not answer, what this ingress has noted has to do."""
        noted = self._homes.get(digest(secret))
        if noted is not None and not is_reached(noted):
            noted = None
        record: Record[bytes] | None
        try:
            record = await answer_of(self._directory.find.remote(digest(secret)))
        except (SlowReplicaError, ReplicaGoneError):
            if noted is None:
                raise
            return Location(noted, None, is_certain=False)
        replica = noted if record is None else record.replica
        return Location(replica if replica is not None and is_reached(replica) else None, record)

    async def replica_of(self, session: str) -> str | None:
        """Where the session of this name, or handle, is; None where nobody knows."""
        found: str | None = None
        try:
            found = await answer_of(self._directory.replica_of.remote(session))
        except KagamiError as error:
            _log.warning("the directory of sessions does not answer: %s", error)
        if found is None and (noted := self._homes.get(session)) is not None and is_reached(noted):
            return noted
        return found

    def note(self, session: str, secret: str | None, replica: str) -> None:
        """Remember where a session is, until the directory knows. secret: of its page."""
        for name in (session,) if secret is None else (session, digest(secret)):
            self._homes[name] = replica
            self._homes.move_to_end(name)
        while len(self._homes) > MAX_HOMES:
            self._homes.popitem(last=False)
        self._listed_at = -RECENT_S

    async def open(self, scope: dict[str, Any], replica: str | None, without: Collection[str] = ()) -> Link:
        """See `Replicas`."""
        way = Way.seat(*without) if replica is None else Way.to(replica)
        name = new_conversation()
        events = self._engines.options(stream=True, session_id=way).converse.remote(name, scope)
        beginning = anext(events)
        _, opened = await (answer_of(beginning) if replica is None else awaited_answer(beginning, replica))
        return ReplicaLink(self._engines, opened, name, events)

    async def carry(self, replica: str, secret: str) -> Record[bytes] | None:
        """See `Replicas`."""
        record: Record[bytes] | None = await answer_of(self._to(replica).carry.remote(secret))
        return record

    async def adopt(self, secret: str, record: Record[bytes], without: Collection[str]) -> str:
        """See `Replicas`."""
        handle = self._engines.options(session_id=Way.seat(*without))
        name: str = await answer_of(handle.adopt.remote(secret, record), ADOPT_TIMEOUT_S)
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
        except Exception as error:  # whatever Ray has for a replica that is gone
            raise told_by(error) from error

    async def sessions(self) -> list[PlacedSession]:
        """The sessions of all replicas, the newest first."""
        found = await self.broadcast("sessions")
        placed = [PlacedSession(replica, since, state) for replica, listed in found.items() for since, state in listed]
        self._listed = sorted(placed, key=lambda each: each.since, reverse=True)
        self._listed_at = time.monotonic()
        return self._listed

    async def recent_sessions(self) -> list[PlacedSession]:
        """`sessions`, as they were RECENT_S ago at most."""
        is_recent = bool(self._listed) and time.monotonic() - self._listed_at < RECENT_S
        return self._listed if is_recent else await self.sessions()

    async def let_go(self, replica: str, location: str) -> None:
        """See `EngineReplica.let_go`. Raises ReplicaGoneError, SlowReplicaError."""
        await answer_of(self._to(replica).let_go.remote(location))

    async def release(self, replica: str, name: str) -> None:
        """See `EngineReplica.release`. Raises ReplicaGoneError, SlowReplicaError."""
        await answer_of(self._to(replica).release.remote(name))

    async def broadcast(self, method: str) -> Mapping[str, Any]:
        """What each replica answers that runs or is being taken away, by its name; one that does not is left out."""
        view = VIEW.get()
        names = {*view.loads, *view.leaving}
        answers = (
            await asyncio.gather(*(self._ask_one(name, method) for name in names))
            if names
            else await self._engines_answer(method)
        )
        return {each[0]: each[1] if len(each) == 2 else each[1:] for each in answers if each is not None}

    async def _engines_answer(self, method: str) -> Iterable[Any]:
        """What the replicas answer that Serve knows of; nothing where one of them does not."""
        with contextlib.suppress(KagamiError):
            answers: Iterable[Any] = await answer_of(self._engines.broadcast(method).results_async())
            return answers
        return ()

    async def _ask_one(self, replica: str, method: str, *arguments: Any) -> Any:
        """A replica's answer; None where it is gone or slow."""
        with contextlib.suppress(KagamiError):
            return await answer_of(getattr(self._to(replica), method).remote(*arguments))

    def _to(self, replica: str) -> Any:
        return self._engines.options(session_id=Way.to(replica))


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
        except Exception as error:  # whatever Ray has for a replica that is gone
            raise told_by(error) from error

    async def send(self, text: str | None) -> None:
        """See `Link`."""
        await awaited_answer(self._hear.remote(self._name, text), self.replica)


def is_reached(replica: str) -> bool:
    """Whether a replica runs, or is being taken away and still answers."""
    view = VIEW.get()
    return replica in view.loads or replica in view.leaving
