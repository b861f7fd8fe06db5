"""What all sessions of a server share."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamer.engine.engine import Engine
from streamer.server.executors import Executors
from streamer.server.films import Films
from streamer.server.prepared_avatars import PreparedAvatars
from streamer.server.rate_limits import RateLimiters
from streamer.settings import Settings


@dataclass(frozen=True, slots=True)
class SessionServices:
    """engine: draws the avatars. films: what the films of all sessions share. prepared: where avatars are kept that a
    session may want again.
    """

    engine: Engine
    settings: Settings
    executors: Executors
    limiters: RateLimiters
    films: Films
    prepared: PreparedAvatars = field(default_factory=PreparedAvatars)
