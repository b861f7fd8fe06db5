"""What one WebSocket of the control API calls on a cluster: the replicas' own WebSockets, one to each that it needs."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.websockets import WebSocket

from streamer.cluster.control_relay import PlacedSession, listed, newest, place_of, session_of
from streamer.cluster.errors import RelayedError, ReplicaGoneError
from streamer.cluster.http_relay import plain_scope
from streamer.cluster.relayed_socket import PING_PERIOD_S
from streamer.cluster.replicas import Link
from streamer.errors import KagamiError, NoPageError, UnknownHandleError
from streamer.server.control_api import Caller, Values, describe
from streamer.server.control_api_calls import EventName, parse_call
from streamer.server.control_api_socket import ApiEvent

FOLLOW_PERIOD_S = 1.0  # between two looks for where the session is of which events are sent
CALL_TIMEOUT_S = 30.0  # for a replica to answer


@dataclass(frozen=True, slots=True)
class RelayedEvent:
    """See `control_api.Event`."""

    name: EventName
    handle: str
    values: Values


class Replicas(Protocol):
    """See `ReplicaLinks`."""

    async def sessions(self) -> list[PlacedSession]: ...
    async def recent_sessions(self) -> list[PlacedSession]: ...
    async def replica_of(self, session: str) -> str | None: ...
    async def open(self, scope: dict[str, Any], replica: str | None, without: Collection[str] = ()) -> Link: ...


class ClusterCalls:
    """`control_api_socket.Api` for one WebSocket: what it holds ends at each replica with `release_holder`."""

    def __init__(self, replicas: Replicas, socket: WebSocket) -> None:
        self._replicas = replicas
        self._scope = plain_scope(socket.scope)
        self._channels: dict[str, Channel] = {}  # by replica
        self._opening = asyncio.Lock()
        self._listener: Callable[[ApiEvent], None] = lambda _: None
        self._events: frozenset[EventName] = frozenset()
        self._handle: str | None = None  # of the session with which one subscribed
        self._target: tuple[str, str] | None = None  # replica and handle of which events come
        self._known: frozenset[str] | None = None  # handles of all sessions, as last told
        self._following: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self.newest_handle: str | None = None

    async def call(self, do: str, fields: Mapping[str, Any], caller: Caller, session: str | None = None) -> Values:
        """See `ControlApi.call`."""
        parse_call(do, fields)
        if do == "describe":
            return describe()
        if do == "sessions":
            return listed(await self._replicas.sessions())
        with contextlib.suppress(NoPageError, UnknownHandleError):
            replica, handle = await place_of(self._replicas, session)
            if replica is not None:
                return await self._call(replica, do, fields, handle)
        found = session_of(await self._replicas.sessions(), session)
        return await self._call(found.replica, do, fields, found.handle)

    async def _call(self, replica: str, do: str, fields: Mapping[str, Any], handle: str) -> Values:
        """One call at a replica. Raises UnknownHandleError where the session is not there any more."""
        try:
            return await (await self._channel(replica)).call(do, fields, handle)
        except RelayedError as error:
            if error.code == UnknownHandleError.code:
                raise UnknownHandleError from None
            raise

    async def watch(self, events: frozenset[EventName], handle: str | None) -> None:
        """See `ControlApi.watch`."""
        if handle is not None and await self._replicas.replica_of(handle) is None:
            session_of(await self._replicas.sessions(), handle)
        self._events, self._handle, self._known = events, handle, None
        await self._leave_target()
        await self._follow()
        if self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._keep_following())

    def listen(self, listener: Callable[[ApiEvent], None]) -> Callable[[], None]:
        """See `ControlApi.listen`; one listener."""
        self._listener = listener
        return lambda: None

    def release_holder(self, holder: Hashable) -> None:
        """End all, also what is held at the replicas."""
        if self._following is not None:
            self._following.cancel()
        self._ending = asyncio.get_running_loop().create_task(self._close())

    async def _close(self) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    async def _keep_following(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_PERIOD_S)
            with contextlib.suppress(KagamiError):  # the next look comes
                await self._follow()

    async def _follow(self) -> None:
        """Have events sent of the session that is wanted, from where it is now."""
        if not self._events:
            return
        sessions = await self._replicas.recent_sessions()
        if "sessions" in self._events:
            self._tell_sessions(sessions)
        if self._handle is None:
            wanted = newest(sessions)
        else:
            wanted = next((each for each in sessions if each.handle == self._handle), None)
        self.newest_handle = None if wanted is None else wanted.handle
        target = None if wanted is None else (wanted.replica, wanted.handle)
        if target == self._target and (target is None or target[0] in self._channels):
            return
        await self._leave_target()
        if target is not None:
            channel = await self._channel(target[0])
            await channel.call("subscribe", {"events": sorted(self._events - {"sessions"})}, target[1])
            self._target = target

    async def _leave_target(self) -> None:
        """Have no more events sent of the former session."""
        former, self._target = self._target, None
        if former is not None and (channel := self._channels.get(former[0])) is not None:
            with contextlib.suppress(KagamiError):
                await channel.call("subscribe", {"events": []}, None)

    def _tell_sessions(self, sessions: list[PlacedSession]) -> None:
        """Tell of each session that began or ended since the last look."""
        handles = frozenset(each.handle for each in sessions)
        before, self._known = self._known, handles
        for handle in sorted(handles ^ (handles if before is None else before)):
            self._listener(RelayedEvent("sessions", handle, listed(sessions)))

    async def _channel(self, replica: str) -> Channel:
        """The WebSocket to a replica, opened now if there is none. Raises ReplicaGoneError."""
        async with self._opening:
            channel = self._channels.get(replica)
            if channel is None:
                link = await self._replicas.open(self._scope, replica)
                channel = self._channels[replica] = Channel(link, self._on_event, self._forget)
            return channel

    def _on_event(self, event: ApiEvent) -> None:
        if self._target is not None and event.handle == self._target[1]:
            self._listener(event)

    def _forget(self, channel: Channel) -> None:
        """Called by a channel that has ended."""
        if self._channels.get(channel.replica) is channel:
            del self._channels[channel.replica]


class Channel:
    """One WebSocket of the control API to a replica, over a `Link`. on_end: called with it once it has ended."""

    def __init__(self, link: Link, on_event: Callable[[ApiEvent], None], on_end: Callable[[Channel], object]) -> None:
        self.replica = link.replica
        self._link = link
        self._on_event = on_event
        self._on_end = on_end
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Values]] = {}
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._listen()), loop.create_task(self._keep_alive())]

    async def call(self, do: str, fields: Mapping[str, Any], handle: str | None) -> Values:
        """One call, of the session of a handle. Raises RelayedError, ReplicaGoneError."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            session = {} if handle is None else {"session": handle}
            await self._link.send(json.dumps({**fields, **session, "id": number, "do": do}))
            async with asyncio.timeout(CALL_TIMEOUT_S):
                return await answer
        except TimeoutError:
            raise ReplicaGoneError("The engine of this session does not answer any more.") from None
        finally:
            del self._answers[number]

    async def close(self) -> None:
        """End the WebSocket, and with it what was held through it."""
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(KagamiError):
            await self._link.send(None)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            async for kind, text in self._link.events():
                if kind == "close":
                    break
                self._take(json.loads(text))
        except KagamiError:
            pass
        finally:
            self._on_end(self)
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ReplicaGoneError("The engine of this session is gone: try again."))

    def _take(self, message: dict[str, Any]) -> None:
        if "event" in message:
            name, handle = message.pop("event"), message.pop("session")
            self._on_event(RelayedEvent(name, handle, message))
        elif (answer := self._answers.get(message["id"])) is not None and not answer.done():
            if "ok" in message:
                answer.set_result(message["ok"])
            else:
                answer.set_exception(RelayedError(**message["error"]))

    async def _keep_alive(self) -> None:
        with contextlib.suppress(KagamiError):
            while True:
                await asyncio.sleep(PING_PERIOD_S)
                await self._link.send("")
