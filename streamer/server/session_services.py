"""What all sessions of a server share, and what they begin with."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamer.engine.engine import Engine
from streamer.generation.avatar import Avatar
from streamer.rigging.backdrop import Backdrop
from streamer.server.executors import Executors
from streamer.server.films import Films
from streamer.server.prepared_avatars import PreparedAvatars
from streamer.server.rate_limits import RateLimiters
from streamer.settings import Settings


@dataclass(frozen=True, slots=True)
class SessionServices:
    """engine: draws the avatars. avatar, name: the prepared picture that a session begins with, and the name that the
    page shows for it. backdrop: the background that it begins with. films: what the films of all sessions share.
    prepared: where avatars are kept that a session may want again.
    """

    engine: Engine
    settings: Settings
    avatar: Avatar
    name: str
    backdrop: Backdrop | None
    executors: Executors
    limiters: RateLimiters
    films: Films
    prepared: PreparedAvatars = field(default_factory=PreparedAvatars)
