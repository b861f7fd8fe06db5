"""What a session needs to go on in another server: its picture's key, its controls, and its tracker's neutrals."""

from __future__ import annotations

from dataclasses import dataclass

from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.rigging.backdrop import Backdrop
from streamer.server.prepared_avatars import CharacterKey
from streamer.server.session import Session
from streamer.server.session_controls import BackdropFile
from streamer.sources.mood_reading import MoodReading
from streamer.tracking.tracker import Handover
from streamer.webrtc.offer import Role


@dataclass(frozen=True, slots=True)
class CarriedSession:
    """A session on its way to another server; picklable.

    session: its secret name, which stays. role: of its page or encoder. name: of its picture. key: what that was
    prepared from; of the picture that every session starts with it holds `session_pictures.START` alone. handover:
    None before the first calibration. film: the name of a film that is being made, which does not come along; "" for
    none. since: when its page or encoder came, in seconds of the wall clock. moves: how often it went to another
    server before. is_live: whether it has a place in the engine. A background of the page's own goes by itself.
    """

    session: str
    role: Role
    name: str
    key: CharacterKey
    controls: Controls
    paused: bool
    mood: MoodReading
    handover: Handover | None
    film: str
    since: float
    moves: int
    is_live: bool


def carry(session: Session) -> CarriedSession:
    """What a session would need now."""
    pictures, controls = session.pictures, session.controls
    return CarriedSession(
        session.id, session.role, pictures.name, pictures.key, controls.current, controls.paused, controls.mood.reading,
        controls.handover, session.film.unfinished, session.since, session.moves, session.is_live,
    )  # fmt: skip


async def restore(
    session: Session,
    carried: CarriedSession,
    avatar: Avatar | None,
    background: tuple[Backdrop, BackdropFile] | None = None,
) -> None:
    """Make a new session go on as the carried one: where that is live with a place in the engine before its page's
    first offer, and a tracker that goes on in place of the other. avatar: of its picture; None: the one that it starts
    with. background: of its page's own, with its file.

    Raises ServerFullError, OverloadError, EngineClosedError.
    """
    session.since, session.moves, session.is_awaited = carried.since, carried.moves + 1, True
    session.controls.restore(carried.controls, carried.paused)
    session.controls.mood.restore(carried.mood)
    session.film.lose(carried.film)
    if background is not None:
        session.controls.set_backdrop(*background)
    if avatar is not None:
        session.pictures.wear(avatar, carried.name, carried.key)
    engine_session = await session.enter_engine() if carried.is_live else None
    if engine_session is not None:
        engine_session.adopted = carried.handover
        engine_session.start()
    session.is_resumed = True
