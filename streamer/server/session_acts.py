"""The faces and gestures that a page asks for, in its session."""

from __future__ import annotations

import time
from dataclasses import replace

from msgspec import UNSET

from streamer.engine.engine_session import EngineSession
from streamer.errors import NotSeenError, ProtocolError
from streamer.server import signaling
from streamer.server.executors import Executors
from streamer.sources.act_player import MAX_OWN
from streamer.sources.acts import FACE_NAMES, GESTURE_NAMES
from streamer.sources.remembered_face import RememberedFace, remember
from streamer.sources.wanted_motion import WantedActs


class SessionActs:
    """What is on in one session. It ends with the page that began it, since nobody else could end it."""

    def __init__(self) -> None:
        self._wanted = WantedActs()
        self._engine_session: EngineSession | None = None

    def join(self, session: EngineSession | None) -> None:
        """From now on it is this session in the engine that acts; None: none."""
        self._engine_session = session
        self._apply()

    def change(self, message: signaling.Act) -> None:
        """Begin or end what a message names. Raises ProtocolError where too many faces of one's own are on."""
        name, wanted = message.name, self._wanted
        own = {key: face for key, face in wanted.own.items() if key != name}
        faces = wanted.faces - {name}
        gestures = wanted.gestures
        if message.on and message.weights is not UNSET:
            if len(own) >= MAX_OWN:
                raise ProtocolError(f"More than {MAX_OWN} faces of your own are on: end one of them first.")
            own[name] = RememberedFace(message.weights, message.turn).expression
        elif message.on:
            faces = faces | {face for face in FACE_NAMES if face == name}
            gestures = {**gestures, **{gesture: time.monotonic() for gesture in GESTURE_NAMES if gesture == name}}
        self._wanted = WantedActs(faces, own, gestures)
        self._apply()

    def end_all(self) -> None:
        """End every face; a gesture ends by itself."""
        self._wanted = replace(self._wanted, faces=frozenset(), own={})
        self._apply()

    async def remember(self, executors: Executors) -> signaling.Face:
        """The face that the driver makes now. Raises NotSeenError."""
        recent = () if self._engine_session is None else tuple(self._engine_session.recent)
        try:
            face = await executors.measure(lambda: remember(recent))
        except ValueError as error:
            raise NotSeenError from error
        return signaling.Face(face.weights, face.turn)

    def _apply(self) -> None:
        if self._engine_session is not None:
            self._engine_session.acts = self._wanted
