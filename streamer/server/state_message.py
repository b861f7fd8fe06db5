"""What the page is told of a session's tracking."""

from __future__ import annotations

from streamer.engine.engine_session import EngineSession
from streamer.options import Phase
from streamer.server import signaling

_OF_PHASE: dict[Phase, str] = {
    "lost": "No face is in view; come back in front of the camera.",
    "stalled": "No picture comes from the camera; check that it is plugged in and that no other program holds it.",
}
_TRACKER_SILENT = "Tracking on the server does not answer; it is started anew by itself within a few seconds."


def state_message(session: EngineSession) -> signaling.State:
    """The state of a session's tracking, with a sentence where its driver can do something about it."""
    message = _OF_PHASE.get(session.phase) if session.tracker_responding else _TRACKER_SILENT
    return signaling.State(session.phase, round(session.progress, 2), message, session.people)
