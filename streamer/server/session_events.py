"""Tells the server's other parts what happens in sessions, as it is told to their pages."""

from __future__ import annotations

from collections.abc import Callable

from streamer.server import page_messages, server_messages
from streamer.server.session import Session

Message = server_messages.ServerMessage | page_messages.PageMessage
Listener = Callable[[Session, Message | None], None]


class SessionEvents:
    """Passes on every message of the server to a page, every `control` and `act` of a page once it was done, and None
    when a session begins or ends. Used on the event loop; a listener returns at once.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call this from now on."""
        self._listeners.append(listener)

    def publish(self, session: Session, message: Message | None) -> None:
        """Call all listeners."""
        for listener in self._listeners:
            listener(session, message)
