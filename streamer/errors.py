"""The errors that reach people: one sentence each, saying what happened and what to do.

`code` is the word that the page gets beside the sentence; it never changes meaning, the sentence may.
"""

from __future__ import annotations

from typing import ClassVar


class KagamiError(Exception):
    """`str()` of any subclass is one sentence for a person."""

    code: ClassVar[str] = "error"


class SettingsError(KagamiError):
    """A flag, a configuration file or an environment variable that cannot be used."""

    code = "settings"


class PortInUseError(KagamiError):
    """Somebody else listens where the server should."""

    code = "port-in-use"

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"Port {port} on {host} is already in use; stop the other program or choose another port with --port."
        )


class AddressError(KagamiError):
    """An address that this machine cannot listen on."""

    code = "address"

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(f"Cannot listen on {host} port {port} ({why}); choose another address with --host and --port.")


class ServerFullError(KagamiError):
    """As many sessions as `--max-sessions` allows are live already."""

    code = "full"

    def __init__(self, limit: int) -> None:
        people = "1 person is" if limit == 1 else f"{limit} people are"
        super().__init__(
            f"The server is full: {people} live already; try again later or start it with a larger --max-sessions."
        )


class OverloadError(KagamiError):
    """One more session would slow the live ones below `--min-fps`. fps: what each would get."""

    code = "full"  # for the page the same: no place now, try again later

    def __init__(self, fps: float, least: float) -> None:
        super().__init__(
            f"The server is full: with one person more everybody would get about {fps:.1f} frames a second, and it "
            f"keeps to {least:g}; try again later or start it with a smaller --min-fps."
        )


class DeviceMemoryError(KagamiError):
    """The device has no memory for what somebody wants; the others go on."""

    code = "memory"

    def __init__(
        self,
        message: str = "The device has no memory left for this session and it was closed; try again when somebody has "
        "left, or start the server with a smaller --size or --max-sessions.",
    ) -> None:
        super().__init__(message)


class ForbiddenError(KagamiError):
    """The request comes from a place, or without the token, that this server accepts."""

    code = "forbidden"


class ProtocolError(KagamiError):
    """A signalling message that does not follow docs/protocol.md; the session goes on."""

    code = "protocol"


class TooFastError(ProtocolError):
    """More signalling messages than a well-behaved page ever sends."""

    code = "too-fast"


class HopelessError(ProtocolError):
    """A peer that sends nothing but errors."""

    def __init__(self) -> None:
        super().__init__("Too many wrong messages came and the session was closed; reload the page.")


class TooLargeError(KagamiError):
    """An upload over the limit."""

    code = "too-large"

    def __init__(self, limit_mb: float) -> None:
        super().__init__(f"The picture is larger than {limit_mb:g} MB; choose a smaller one.")


class NegotiationError(KagamiError):
    """An SDP offer that cannot be answered."""

    code = "negotiation"


class MediaTimeoutError(KagamiError):
    """The connection stands, or never came to stand, and no camera picture arrives."""

    code = "no-media"


class ConnectionLostError(KagamiError):
    """The media connection broke while the conversation still stands."""

    code = "connection"

    def __init__(self) -> None:
        super().__init__("The media connection was lost; it is set up anew when the network is back.")


class BusyError(KagamiError):
    """A picture is being prepared for this session already."""

    code = "busy"

    def __init__(self) -> None:
        super().__init__("Another picture is being prepared; wait until it is shown and choose again.")


class SessionError(KagamiError):
    """A session that ends because something in it broke."""

    code = "session"

    def __init__(self, message: str = "Something broke in this session and it was closed; start it again.") -> None:
        super().__init__(message)


class EngineClosedError(KagamiError):
    """The engine has stopped; nothing can be drawn any more."""

    code = "closed"

    def __init__(self) -> None:
        super().__init__("The server is shutting down; start it again to go on.")
