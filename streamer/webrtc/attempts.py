"""The attempts of an output to publish to a media server: what is told of them, and when the next one is made."""

from __future__ import annotations

import logging
from collections.abc import Callable

from streamer.errors import MediaServerError

FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 60.0  # from a failure to the next attempt; doubled each time
STABLE_S = 30.0  # of a connection, after which a failure is the first one again
_log = logging.getLogger(__name__)


class Attempts:
    """One output's attempts, in its thread. server: its name for people, without secrets. tell: called with one line at
    each change.
    """

    def __init__(self, server: str, tell: Callable[[str], None]) -> None:
        self._server = server
        self._tell = tell
        self._told = ""
        self._wait_s = FIRST_RETRY_S

    def say(self, line: str) -> None:
        """Tell a change: not the same again."""
        if line != self._told:
            self._told = line
            self._tell(line)

    def say_live(self) -> None:
        """Tell that the stream has begun."""
        self.say(f"publishing the avatar to {self._server}")

    def say_nobody_live(self) -> None:
        """Tell that the stream has ended, since there was nothing to send."""
        self.say(f"nobody is live: the stream to {self._server} has ended")

    def begin_anew(self) -> None:
        """The next failure is the first one: at the start, and where a stream has ended in order."""
        self._wait_s = FIRST_RETRY_S

    def fail(self, error: Exception, otherwise: str, lasted_s: float) -> float:
        """Tell why an attempt has failed. Returns the seconds until the next one.

        otherwise: the reason that is told of what is no MediaServerError. lasted_s: since the attempt began.
        """
        if not isinstance(error, MediaServerError):
            _log.info("publishing failed", exc_info=error)
        reason = error if isinstance(error, MediaServerError) else otherwise
        self.say(f"cannot publish to {self._server}, trying again: {reason}")
        wait_s = FIRST_RETRY_S if lasted_s > STABLE_S else self._wait_s
        self._wait_s = min(2 * wait_s, LONGEST_RETRY_S)
        return wait_s
