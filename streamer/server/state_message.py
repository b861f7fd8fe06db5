"""What the page is told of a session's tracking."""

from __future__ import annotations

from streamer.engine.engine_session import EngineSession
from streamer.options import Obstacle, Phase
from streamer.server import signaling

_OF_PHASE: dict[Phase, str] = {
    "lost": "No face is in view: come back in front of the camera.",
    "stalled": "No picture comes from the camera: check that it is plugged in and that no other program holds it.",
}
_OF_OBSTACLE: dict[Obstacle, str] = {
    "dark": "It is too dark: turn on a light in front of you.",
    "small": "You are far away: come closer to the camera.",
    "turned": "You look aside: turn to the camera.",
    "smiles": "You smile: relax your face.",
    "moves": "You move: hold still for a moment.",
    "talks": "Your mouth is open: close it for a moment.",
    "blinks": "Your eyes are closed: open them.",
}
_SEVERAL = "Several people are seen: choose under Camera who is followed."
_TRACKER_SILENT = "Tracking on the server does not answer; it is started anew by itself within a few seconds."


def state_message(session: EngineSession) -> signaling.State:
    """The state of a session's tracking, with a sentence where its driver can do something about it."""
    return signaling.State(session.phase, round(session.progress, 2), _sentence(session), session.people)


def _sentence(session: EngineSession) -> str | None:
    if not session.tracker_responding:
        return _TRACKER_SILENT
    if session.phase == "lost" and session.obstacle == "dark":
        return _OF_OBSTACLE["dark"]
    if session.phase == "calibrating" and session.obstacle is not None:
        return _OF_OBSTACLE[session.obstacle]
    if session.phase == "calibrating" and session.people > len(session.avatar.cast):
        return _SEVERAL
    return _OF_PHASE.get(session.phase)
