"""What a page has chosen for its session: the controls, whether it is paused, and a background of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from streamer.engine.engine_session import EngineSession
from streamer.errors import BackdropBusyError, NotSeenError
from streamer.generation.controls import Controls
from streamer.options import parse_bones, parse_colour
from streamer.rigging.backdrop import Backdrop
from streamer.server import page_messages, server_messages
from streamer.server.executors import Executors
from streamer.server.session_acts import SessionActs
from streamer.server.session_mood import SessionMood
from streamer.settings import Settings
from streamer.tracking.straight_look import straightening_turns
from streamer.tracking.tracker import Handover


@dataclass(frozen=True, slots=True)
class BackdropFile:
    """The file of a background of the page's own. name: a hash of it."""

    name: str
    data: bytes


class SessionControls:
    """The choices of one session, which last longer than its place in the engine.

    backdrop: that the session begins with. current: the controls. acts: faces and gestures. mood: how the character is.
    paused: see `EngineSession`.
    """

    def __init__(self, settings: Settings, backdrop: Backdrop | None) -> None:
        background = settings.background if settings.background_file is None else "picture"
        self.current = Controls(
            mirror=settings.mirror, background=background, colour=settings.colour_rgb, frame=settings.frame,
            aspect=settings.aspect, zoom=settings.zoom, shift_x=settings.shift_x, shift_y=settings.shift_y,
            keep_in_frame=settings.keep_in_frame, follow_body=settings.body, smoothing=float(settings.smooth),
            who=settings.who, speed=settings.speed, **parse_bones(settings.bones)._asdict(),
        )  # fmt: skip
        self.acts, self.mood = SessionActs(), SessionMood(settings.mood)
        self.paused = False
        self._backdrop = backdrop
        self.backdrop_file: BackdropFile | None = None  # of the page's own, where the session may go to another server
        self._takes_backdrop = False
        self._engine_session: EngineSession | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The controls by the names of the protocol."""
        colour = "#{:02x}{:02x}{:02x}".format(*self.current.colour)
        return {**asdict(self.current), "colour": colour, "paused": self.paused}

    @property
    def backdrop(self) -> Backdrop | None:
        """What is shown where the background is `picture`."""
        return self._backdrop

    def join(self, session: EngineSession | None) -> None:
        """From now on the choices are those of this session in the engine; None: of none."""
        self._engine_session = session
        self.acts.join(session)
        self.mood.join(session)
        self._apply()

    @property
    def handover(self) -> Handover | None:
        """What a tracker elsewhere needs to go on in place of this session's; None before the first calibration."""
        return None if self._engine_session is None else self._engine_session.handover

    def restore(self, current: Controls, paused: bool) -> None:
        """Choose as another session did."""
        self.current, self.paused = current, paused
        self._apply()

    def change(self, message: page_messages.Control) -> None:
        """Apply what a message changes at once; `straighten` apart."""
        changes = message.changes()
        calibrate = changes.pop("calibrate", False)
        changes.pop("straighten", None)
        self.paused = changes.pop("paused", self.paused)
        if "colour" in changes:
            changes["colour"] = parse_colour(changes["colour"])
        self.current = replace(self.current, **changes)
        self._apply()
        if "tracker" in changes and self._engine_session is not None:
            self._engine_session.let_trackers_drive(self.current.tracker)
        if calibrate and self._engine_session is not None:
            self._engine_session.calibrate()

    async def straighten(self, executors: Executors) -> server_messages.ControlsChanged:
        """Turn head and gaze so that they are as in the picture while the driver looks as now. Raises NotSeenError."""
        recent = () if self._engine_session is None else tuple(self._engine_session.recent)
        head, eyes = self.current.head, self.current.face * self.current.eyes
        try:
            turns: dict[str, Any] = await executors.measure(partial(straightening_turns, recent, head, eyes))
        except ValueError as error:
            raise NotSeenError from error
        self.current = replace(self.current, **turns)
        self._apply()
        return server_messages.ControlsChanged(turns)

    @contextlib.contextmanager
    def taking_backdrop(self) -> Iterator[None]:
        """While this context is open, a background is read and decoded. Raises BackdropBusyError while another is."""
        if self._takes_backdrop:
            raise BackdropBusyError
        self._takes_backdrop = True
        try:
            yield
        finally:
            self._takes_backdrop = False

    def set_backdrop(self, backdrop: Backdrop | None, file: BackdropFile | None = None) -> None:
        """Show this where the background is `picture`; None: the picture's own background. file: see
        `backdrop_file`.
        """
        self._backdrop, self.backdrop_file = backdrop, file
        self._apply()

    def close(self) -> None:
        """The session ends: free its background, and end its faces."""
        self.acts.close()
        self.set_backdrop(None)

    def _apply(self) -> None:
        session = self._engine_session
        if session is not None:
            session.controls, session.paused, session.backdrop = self.current, self.paused, self._backdrop
