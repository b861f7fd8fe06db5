"""The errors that users see: one sentence each, which says what happened and what to do.

`code` is the machine-readable word that the page receives beside the sentence (docs/protocol.md). The meaning of a code
never changes; the sentence may.
"""

from __future__ import annotations

from typing import ClassVar


class KagamiError(Exception):
    """Base class: `str()` of each is one sentence for a user."""

    code: ClassVar[str] = "error"


class SettingsError(KagamiError):
    """A flag, a configuration file or an environment variable has a value that cannot be used."""

    code = "settings"


class PortInUseError(KagamiError):
    """Another program listens on the wanted address and port."""

    code = "port-in-use"

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"Port {port} on {host} is already in use: stop the other program or choose another port with --port."
        )


class AddressError(KagamiError):
    """This machine cannot listen on the wanted address. reason: the operating system's words."""

    code = "address"

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"Cannot listen on {host} port {port} ({reason}): choose another address with --host and --port."
        )


class ServerFullError(KagamiError):
    """`--max-sessions` sessions are live already."""

    code = "full"

    def __init__(self, limit: int) -> None:
        people = "1 person is" if limit == 1 else f"{limit} people are"
        super().__init__(
            f"The server is full: {people} live already; try again later or start it with a larger --max-sessions."
        )


class OverloadError(KagamiError):
    """One more session would slow the live ones below `--min-fps`. fps: the predicted frame rate of each session."""

    code = "full"  # the same as ServerFullError: the page shows the same and may try again later

    def __init__(self, fps: float, min_fps: float) -> None:
        super().__init__(
            f"The server is full: with one person more everybody would get about {fps:.1f} frames a second, and it "
            f"keeps to {min_fps:g}; try again later or start it with a smaller --min-fps."
        )


class DeviceMemoryError(KagamiError):
    """The device has no memory for one session or picture; the other sessions continue."""

    code = "memory"

    def __init__(
        self,
        message: str = "The device has no memory left for this session and it was closed: try again when somebody has "
        "left, or start the server with a smaller --size or --max-sessions.",
    ) -> None:
        super().__init__(message)


class ForbiddenError(KagamiError):
    """The request comes from an address or a page that this server does not accept."""

    code = "forbidden"


class MissingTokenError(ForbiddenError):
    """The request carries no token, or a wrong one, and the server was started with `--token`."""

    def __init__(self) -> None:
        super().__init__(
            "The token is missing or wrong: open the page with ?token= and the word the server was started with."
        )


class ProtocolError(KagamiError):
    """A signalling message does not follow docs/protocol.md; the session continues."""

    code = "protocol"


class UnknownSessionError(ProtocolError):
    """A request names a session that has ended, or never was."""

    def __init__(self, message: str = "This session does not exist any more: reload the page.") -> None:
        super().__init__(message)


class NoPageError(UnknownSessionError):
    """A program wants something of the newest session, and no page is open."""

    code = "no-session"

    def __init__(self) -> None:
        super().__init__("No page is open: open the server's page and press Start.")


class UnknownHandleError(UnknownSessionError):
    """A program names a session that has ended, or never was."""

    code = "no-session"

    def __init__(self) -> None:
        super().__init__("There is no such session now: take one of the list of sessions, or name none.")


class NotLiveError(KagamiError):
    """A program wants something that only a live session has."""

    code = "not-live"

    def __init__(self) -> None:
        super().__init__("Nobody is live in this session: press Start on its page.")


class NotSeenError(KagamiError):
    """Something is to be measured on the driver, who is not seen."""

    code = "not-seen"

    def __init__(self) -> None:
        super().__init__("No face is seen now: go live, look at the camera and try again.")


class TooFastError(ProtocolError):
    """More signalling messages, offers, requests or uploads a second than the server allows."""

    code = "too-fast"


class TooManyErrorsError(ProtocolError):
    """The page sent so many wrong messages that its session is closed."""

    def __init__(self) -> None:
        super().__init__("Too many wrong messages came and the session was closed: reload the page.")


class TooLargeError(KagamiError):
    """An upload exceeds `--max-upload-mb`."""

    code = "too-large"

    def __init__(self, limit_mb: float) -> None:
        super().__init__(f"The picture is larger than {limit_mb:g} MB: choose a smaller one.")


class NegotiationError(KagamiError):
    """An SDP offer cannot be answered."""

    code = "negotiation"


class MediaTimeoutError(KagamiError):
    """No camera picture arrived within the time limit after an offer."""

    code = "no-media"


class SilentPageError(KagamiError):
    """Too many pages are open without a camera; this one was the first of them, and others need its place."""

    code = "full"

    def __init__(self) -> None:
        super().__init__(
            "Too many pages are open without a camera, and this one was the first of them: start it again."
        )


class TakenOverError(KagamiError):
    """The session goes on with another WebSocket of its page."""

    code = "taken-over"

    def __init__(self) -> None:
        super().__init__("This session goes on in another window: close this one, or reload it to begin anew.")


class CameraTooLargeError(KagamiError):
    """The camera's frames are larger than the server decodes."""

    code = "camera-size"

    def __init__(self, width: int, height: int) -> None:
        super().__init__(
            f"The camera sends pictures of {width} x {height} pixels, which is too large: choose a smaller resolution."
        )


class ConnectionLostError(KagamiError):
    """The WebRTC connection was lost while the WebSocket is still open; the page may offer again."""

    code = "connection"

    def __init__(self) -> None:
        super().__init__("The media connection was lost; it is set up anew when the network is back.")


class NotKeptError(KagamiError):
    """The server has no prepared avatar of this picture any more."""

    code = "not-kept"

    def __init__(self) -> None:
        super().__init__("The server does not keep this picture any more: send it again.")


class OutputError(KagamiError):
    """An output cannot be used; the message gives the reason and the remedy."""

    code = "output"


class BackdropBusyError(KagamiError):
    """Another background is already being read for this session."""

    code = "busy"

    def __init__(self) -> None:
        super().__init__("Another background is being read: wait a moment and choose again.")


class BusyError(KagamiError):
    """Another picture is already being prepared for this session."""

    code = "busy"

    def __init__(self) -> None:
        super().__init__("Another picture is being prepared: wait until it is shown and choose again.")


class SessionError(KagamiError):
    """A session ends because of an unexpected exception in it."""

    code = "session"

    def __init__(self, message: str = "Something broke in this session and it was closed: start it again.") -> None:
        super().__init__(message)


class EngineClosedError(KagamiError):
    """The engine has stopped and draws no more frames."""

    code = "closed"

    def __init__(self) -> None:
        super().__init__("The server is shutting down: start it again to go on.")


class MediaServerError(KagamiError):
    """A media server does not take the stream; the message says why, without the secrets of its address."""

    code = "publish"
