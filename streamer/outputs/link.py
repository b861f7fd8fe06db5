"""The connection to a media server, as the output needs it whatever the protocol."""

from __future__ import annotations

from typing import Protocol

from streamer.errors import MediaServerError

LOST = "the connection was lost"
NO_ANSWER = "it does not answer"


class Link(Protocol):
    """A connection that takes a muxed stream. One thread uses it, but for `abort`.

    container: what is written, by FFmpeg's name. sent: bytes that the system has taken. pending: bytes that wait.
    """

    container: str
    sent: int

    @property
    def pending(self) -> int: ...

    def connect(self) -> None:
        """Wait until the server takes a stream. Raises MediaServerError."""

    def write(self, data: bytes) -> None:
        """Queue the next bytes of the stream. Never blocks."""

    def flush(self) -> None:
        """Send what can be sent without waiting, and read what came. Raises MediaServerError."""

    def abort(self) -> None:
        """End a `connect` that waits. Any thread may call."""

    def close(self) -> None:
        """End the stream, without waiting for what is pending. Idempotent."""


def os_reason(error: OSError) -> str:
    """The operating system's words."""
    return error.strerror or str(error) or type(error).__name__


def no_answer(error: OSError) -> MediaServerError:
    reason = "timed out" if isinstance(error, TimeoutError) else os_reason(error)
    return MediaServerError(f"{NO_ANSWER} ({reason})")
