"""What other programs than the page do with its session: the calls of docs/control-api.md, whatever carries them."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakSet

import msgspec
from msgspec import Struct

from streamer.errors import NoPageError, NotLiveError, UnknownHandleError
from streamer.server import page_messages, server_messages
from streamer.server.control_api_calls import (
    CALLS,
    EVENTS,
    VERSION,
    Choose,
    EventName,
    Press,
    SnapshotFormat,
    TakeSnapshot,
    parse_call,
)
from streamer.server.control_api_pictures import PictureChoices
from streamer.server.executors import Executors
from streamer.server.rate_limits import RateLimiters
from streamer.server.session import Session
from streamer.server.session_events import Message, SessionEvents
from streamer.server.session_handle import session_handle
from streamer.server.snapshot import encode_snapshot
from streamer.sources.acts import FACE_NAMES, GESTURE_NAMES

Values = dict[str, Any]  # a JSON object


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. address: for rates. holder: by which faces are held that it has put on, see `SessionActs`."""

    address: str
    holder: Hashable


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. session: where; for `sessions`, the one that begins or ends."""

    name: EventName
    session: Session
    values: Values

    @property
    def handle(self) -> str:
        """The handle of the session."""
        return handle_of(self.session)


class ControlApi:
    """The calls of programs, on the event loop. Every error is a KagamiError with a sentence.

    sessions: those with a page, by their secret id, the newest last. events: what happens in them.
    """

    def __init__(
        self,
        sessions: Mapping[str, Session],
        events: SessionEvents,
        choices: PictureChoices,
        executors: Executors,
        limiters: RateLimiters,
    ) -> None:
        self.choices = choices
        self._sessions = sessions
        self._executors = executors
        self._limiters = limiters
        self._held_in: dict[Hashable, WeakSet[Session]] = {}
        self._listeners: list[Callable[[Event], None]] = []
        events.listen(self._on_message)
        self._handlers: dict[str, Callable[[Session, Any, Caller], Awaitable[Values]]] = {
            "state": self._state,
            "pictures": self._pictures,
            "picture": self._picture,
            "choose": self._choose,
            "acts": self._acts,
            "act": self._act,
            "release": self._release,
            "controls": self._controls,
            "control": self._control,
            "mood": self._mood,
            "set_mood": self._set_mood,
            "snapshot": self._snapshot,
            "statistics": self._statistics,
        }

    async def call(self, do: str, fields: Mapping[str, Any], caller: Caller, session: str | None = None) -> Values:
        """Do one call of CALLS and return its answer. session: a handle; None: the newest session.

        Raises ProtocolError for fields that are wrong, and whatever else keeps it from being done.
        """
        request = parse_call(do, fields)
        if do == "describe":
            return describe()
        if do == "sessions":
            return self.list_sessions()
        return await self._handlers[do](self.session_of(session), request, caller)

    @property
    def newest(self) -> Session | None:
        """The newest session that is live, else the newest one; None where no page is open."""
        sessions = self._driven()
        return next((each for each in sessions if each.is_live), sessions[0] if sessions else None)

    @property
    def newest_handle(self) -> str | None:
        """The handle of `newest`."""
        return None if (newest := self.newest) is None else handle_of(newest)

    async def watch(self, events: frozenset[EventName], handle: str | None) -> None:
        """Be ready to tell of events: of one session, or of the newest. Raises UnknownHandleError."""
        if handle is not None:
            self.session_of(handle)

    def session_of(self, handle: str | None) -> Session:
        """The session of a handle; for None `newest`. Raises UnknownHandleError, NoPageError."""
        if handle is not None:
            found = next((each for each in self._driven() if handle_of(each) == handle), None)
            if found is None:
                raise UnknownHandleError
            return found
        if (newest := self.newest) is None:
            raise NoPageError
        return newest

    def list_sessions(self) -> Values:
        """All sessions, the newest first."""
        sessions = self._driven()
        newest = self.newest
        return {"sessions": [{**_state_of(each), "newest": each is newest} for each in sessions]}

    def dated_states(self) -> list[tuple[float, Values]]:
        """When each session's page or encoder came, with its state."""
        return [(each.since, _state_of(each)) for each in self._driven()]

    async def snapshot(self, session: Session, kind: SnapshotFormat, caller: Caller) -> bytes:
        """The newest frame of the avatar as a file. Raises NotLiveError, TooFastError."""
        await self._limiters.snapshots.wait(caller.address)
        if (frame := session.newest_frame) is None:
            raise NotLiveError
        return await self._executors.measure(partial(encode_snapshot, frame, kind))

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call this with every event, until the function that is returned is called."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    def release_holder(self, holder: Hashable) -> None:
        """End all faces that a holder has put on, in every session."""
        for session in self._held_in.pop(holder, ()):
            session.controls.acts.end_all(holder)

    def _driven(self) -> list[Session]:
        """The sessions that have a driver, the newest first."""
        return [each for each in reversed(list(self._sessions.values())) if not each.is_viewer]

    async def _state(self, session: Session, _: Struct, __: Caller) -> Values:
        return _state_of(session)

    async def _pictures(self, session: Session, _: Struct, __: Caller) -> Values:
        return {"pictures": await self.choices.listed(session.pictures)}

    async def _picture(self, session: Session, _: Struct, __: Caller) -> Values:
        return self.choices.now(session.pictures)

    async def _choose(self, session: Session, request: Choose, caller: Caller) -> Values:
        name = await self.choices.choose(session.pictures, request.picture, caller.address)
        return {"picture": request.picture, "name": name, "stage": "preparing"}

    async def _acts(self, session: Session, _: Struct, __: Caller) -> Values:
        return _acts_of(session)

    async def _act(self, session: Session, request: Press, caller: Caller) -> Values:
        self._held_in.setdefault(caller.holder, WeakSet()).add(session)
        session.controls.acts.change(request.act, caller.holder, request.lasts_s)
        return _acts_of(session)

    async def _release(self, session: Session, _: Struct, caller: Caller) -> Values:
        session.controls.acts.end_all(caller.holder)
        return _acts_of(session)

    async def _controls(self, session: Session, _: Struct, __: Caller) -> Values:
        return {"controls": session.controls.values}

    async def _control(self, session: Session, message: page_messages.Control, _: Caller) -> Values:
        """Change controls, and tell the page, which shows them."""
        if message.calibrate is True and not session.is_live:
            raise NotLiveError
        try:
            await session.handle(message)
        finally:  # also where nobody is seen who could look straight: the others have changed
            values = session.controls.values
            if changed := {name: values[name] for name in _set_by(message)}:
                await session.send(server_messages.ControlsChanged(changed))
        return {"controls": session.controls.values}

    async def _mood(self, session: Session, _: Struct, __: Caller) -> Values:
        return session.controls.mood.values

    async def _set_mood(self, session: Session, message: page_messages.MoodText, _: Caller) -> Values:
        """Take another mood, and tell the page, which shows it."""
        read = await session.controls.mood.change(message, self._executors)
        await session.send(read)
        return _values(read)

    async def _snapshot(self, session: Session, request: TakeSnapshot, caller: Caller) -> Values:
        data = await self.snapshot(session, request.format, caller)
        return {"format": request.format, "base64": base64.b64encode(data).decode()}

    async def _statistics(self, session: Session, _: Struct, __: Caller) -> Values:
        statistics = await session.statistics()
        if statistics is None:
            raise NotLiveError
        return _values(statistics)

    def _on_message(self, session: Session, message: Message | None) -> None:
        if session.is_viewer or not self._listeners:
            return
        if message is None:
            self._tell("sessions", session, self.list_sessions())
        elif isinstance(message, server_messages.State):
            self._tell("state", session, _state_of(session))
        elif isinstance(message, server_messages.PictureStatus):
            self._tell("picture", session, self.choices.now(session.pictures))
        elif isinstance(message, server_messages.ControlsChanged):
            self._tell("controls", session, {"controls": dict(message.controls)})
        elif isinstance(message, page_messages.Control):
            values = session.controls.values
            self._tell("controls", session, {"controls": {name: values[name] for name in _set_by(message)}})
        elif isinstance(message, page_messages.Act | server_messages.Acts):
            self._tell("acts", session, _acts_of(session))
        elif isinstance(message, server_messages.Mood):
            self._tell("mood", session, _values(message))
        elif isinstance(message, server_messages.Stats):
            self._tell("statistics", session, _values(message))

    def _tell(self, name: EventName, session: Session, values: Values) -> None:
        event = Event(name, session, values)
        for listener in list(self._listeners):
            listener(event)


def handle_of(session: Session) -> str:
    """The public name of a session."""
    return session_handle(session.id)


def describe() -> Values:
    """What there is to call, to hear of, and to press."""
    return {
        "version": VERSION,
        "calls": list(CALLS),
        "events": list(EVENTS),
        "faces": list(FACE_NAMES),
        "gestures": list(GESTURE_NAMES),
    }


def _state_of(session: Session) -> Values:
    state = session.state
    return {
        "session": handle_of(session),
        "live": session.is_live,
        "phase": None if state is None else state.phase,
        "progress": 0.0 if state is None else state.progress,
        "message": None if state is None else state.message,
        "people": 0 if state is None else state.people,
        "speaks": state is not None and state.speaks,
        "recorded": state is not None and state.recorded,
        "picture": session.pictures.name,
    }


def _acts_of(session: Session) -> Values:
    return {"on": session.controls.acts.on}


def _set_by(message: page_messages.Control) -> list[str]:
    """Names of the controls that a message sets."""
    return [name for name in message.changes() if name not in ("calibrate", "straighten")]


def _values(message: Struct) -> Values:
    values: Values = msgspec.to_builtins(message)
    values.pop("type", None)
    return values
