"""What the page is told of a session's tracking."""

from __future__ import annotations

from streamer.engine.engine_session import TrackingState
from streamer.options import Obstacle, Phase
from streamer.server.server_messages import State

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


def state_message(state: TrackingState, characters: int, speaks: bool = False, recorded: bool = False) -> State:
    """The state of a session's tracking, with a sentence where its driver can do something about it.

    characters: of the session's picture, each of which has a driver. speaks: whether the microphone brings a voice.
    recorded: whether the server keeps what is shown and said.
    """
    sentence = _sentence(state, characters)
    return State(state.phase, round(state.progress, 2), sentence, state.people, speaks, recorded)


def _sentence(state: TrackingState, characters: int) -> str | None:
    if not state.responding:
        return _TRACKER_SILENT
    if state.phase == "lost" and state.obstacle == "dark":
        return _OF_OBSTACLE["dark"]
    if state.phase == "calibrating" and state.obstacle is not None:
        return _OF_OBSTACLE[state.obstacle]
    if state.phase == "calibrating" and state.people > characters:
        return _SEVERAL
    return _OF_PHASE.get(state.phase)
