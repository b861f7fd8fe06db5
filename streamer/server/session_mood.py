"""The mood of a session: how its character is, in words that the page or the command line gave."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from streamer.engine.engine_session import EngineSession
from streamer.server import page_messages, server_messages
from streamer.server.executors import Executors
from streamer.sources.mood_reading import MoodReading, read_mood


class SessionMood:
    """Lasts as long as the session, also while its page is gone. text: the mood that it begins with."""

    def __init__(self, text: str) -> None:
        self._reading = read_mood(text)
        self._engine_session: EngineSession | None = None

    @property
    def reading(self) -> MoodReading:
        """The mood in use, as it was read."""
        return self._reading

    def restore(self, reading: MoodReading) -> None:
        """Take the mood of another session."""
        self._reading = reading
        self._apply()

    @property
    def message(self) -> server_messages.Mood:
        """The mood in use, and how it was read."""
        return server_messages.Mood.of(self._reading)

    @property
    def values(self) -> dict[str, Any]:
        """The same by the names of the protocol."""
        return msgspec.structs.asdict(self.message)

    def join(self, session: EngineSession | None) -> None:
        """From now on it is the mood of this session in the engine; None: of none."""
        self._engine_session = session
        self._apply()

    async def change(self, message: page_messages.MoodText, executors: Executors) -> server_messages.Mood:
        """Take another mood, and tell how it was read. Looking for similar words takes some milliseconds."""
        self._reading = await executors.measure(partial(read_mood, message.text))
        self._apply()
        return self.message

    def _apply(self) -> None:
        if self._engine_session is not None:
            self._engine_session.mood = self._reading.mood
