"""The faces and gestures that a page, and programs beside it, ask for in one session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable

from msgspec import UNSET

from streamer.engine.engine_session import EngineSession
from streamer.errors import NotSeenError, ProtocolError
from streamer.server import page_messages, server_messages
from streamer.server.executors import Executors
from streamer.sources.act_player import MAX_OWN
from streamer.sources.acts import FACE_NAMES, GESTURE_NAMES, GestureName
from streamer.sources.expression import Expression
from streamer.sources.remembered_face import RememberedFace, remember
from streamer.sources.wanted_motion import WantedActs

PAGE = "page"  # the holder of what the page asks for


class SessionActs:
    """What is on in one session, by who holds it: the page, or a program at the control API. Used on the event loop.

    A face is on while anybody holds it, and each holder ends its own. The page also ends those of others, since the
    driver sits before it; its own end with it, since nobody else could end them.
    on_programs_change: called whenever `by_programs` has changed.
    """

    def __init__(self) -> None:
        self.on_programs_change: Callable[[], None] = lambda: None
        self._held: dict[Hashable, dict[str, Expression | None]] = {}  # None: one of FACE_NAMES, else one of their own
        self._gestures: dict[GestureName, float] = {}
        self._timers: dict[tuple[Hashable, str], asyncio.TimerHandle] = {}
        self._by_programs: list[str] = []
        self._engine_session: EngineSession | None = None

    @property
    def on(self) -> list[str]:
        """Names of the faces that are on, whoever holds them."""
        return sorted({name for faces in self._held.values() for name in faces})

    @property
    def by_programs(self) -> list[str]:
        """Names of the faces that others than the page hold."""
        return self._by_programs

    def join(self, session: EngineSession | None) -> None:
        """From now on it is this session in the engine that acts; None: none."""
        self._engine_session = session
        self._apply()

    def change(self, message: page_messages.Act, holder: Hashable = PAGE, seconds: float | None = None) -> None:
        """Begin or end what a message names. Raises ProtocolError where too many faces of one's own are on.

        seconds: after which a face ends by itself; None: it is held until its holder ends it.
        """
        name = message.name
        if not message.on:
            for each in list(self._held) if holder == PAGE else [holder]:
                self._release(each, name)
        elif message.weights is not UNSET:
            own = {other for faces in self._held.values() for other, face in faces.items() if face is not None}
            if len(own - {name}) >= MAX_OWN:
                raise ProtocolError(f"More than {MAX_OWN} faces of your own are on: end one of them first.")
            self._hold(holder, name, RememberedFace(message.weights, message.turn).expression, seconds)
        elif name in FACE_NAMES:
            self._hold(holder, name, None, seconds)
        else:
            self._gestures |= {gesture: time.monotonic() for gesture in GESTURE_NAMES if gesture == name}
        self._apply()

    def end_all(self, holder: Hashable = PAGE) -> None:
        """End every face of a holder; a gesture ends by itself."""
        for name in list(self._held.get(holder, ())):
            self._release(holder, name)
        self._apply()

    def close(self) -> None:
        """End every face of everybody, since the session ends."""
        for holder in list(self._held):
            self.end_all(holder)

    async def remember(self, executors: Executors) -> server_messages.Face:
        """The face that the driver makes now. Raises NotSeenError."""
        recent = () if self._engine_session is None else tuple(self._engine_session.recent)
        try:
            face = await executors.measure(lambda: remember(recent))
        except ValueError as error:
            raise NotSeenError from error
        return server_messages.Face(face.weights, face.turn)

    def _hold(self, holder: Hashable, name: str, face: Expression | None, seconds: float | None) -> None:
        self._release(holder, name)
        self._held.setdefault(holder, {})[name] = face
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._timers[holder, name] = loop.call_later(seconds, self._end, holder, name)

    def _end(self, holder: Hashable, name: str) -> None:
        self._release(holder, name)
        self._apply()

    def _release(self, holder: Hashable, name: str) -> None:
        if (timer := self._timers.pop((holder, name), None)) is not None:
            timer.cancel()
        faces = self._held.get(holder, {})
        faces.pop(name, None)
        if not faces:
            self._held.pop(holder, None)

    def _apply(self) -> None:
        held = [(name, face) for faces in self._held.values() for name, face in faces.items()]
        if self._engine_session is not None:
            own = {name: face for name, face in held if face is not None}
            names = {name for name, face in held if face is None}
            faces = frozenset(name for name in FACE_NAMES if name in names)
            self._engine_session.acts = WantedActs(faces, own, dict(self._gestures))
        by_programs = sorted({name for holder, faces in self._held.items() if holder != PAGE for name in faces})
        if by_programs != self._by_programs:
            self._by_programs = by_programs
            self.on_programs_change()
