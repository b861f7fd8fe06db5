"""What the trackers of other programs send, and which of the live sessions it drives."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from streamer.sources.received_pose import ReceivedPose

FRESH_S = 0.3  # for which a pose drives
RATE_S = 1.0  # over which poses are counted
MAX_RATE = 240  # poses a second that are counted at most
FeedKind = Literal["off", "silent", "elsewhere", "drives"]


@dataclass(frozen=True, slots=True)
class ReceivedAt:
    """pose: the newest one. at: seconds on the feed's clock, when it arrived."""

    pose: ReceivedPose
    at: float


@dataclass(frozen=True, slots=True)
class FeedState:
    """What a page shows of the trackers.

    kind: "off" where it does not want to be driven, "silent" while nothing is received, "elsewhere" while another
    session is driven, else "drives". program: that sends, or sent last; "" before. per_second: poses.
    """

    kind: FeedKind
    program: str = ""
    per_second: int = 0


class TrackerFeed:
    """The newest pose that any of the programs sent. Thread-safe.

    Of the sessions that want to be driven the last one that claimed the feed is. clock: seconds, that of the frames.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()  # guards everything below
        self._claims: list[object] = []  # the last one drives
        self._newest: ReceivedAt | None = None
        self._source = self._program = ""
        self._arrivals: deque[float] = deque(maxlen=MAX_RATE)

    def put(self, pose: ReceivedPose, program: str, source: str) -> None:
        """Take a pose that has just arrived. While one source is fresh others are not heard.

        program: for people. source: tells programs apart that send alike.
        """
        with self._changed:
            now = self._clock()
            if source != self._source and self._is_fresh(now):
                return
            self._source, self._program = source, program
            self._newest = ReceivedAt(pose, now)
            self._arrivals.append(now)
            self._changed.notify_all()

    def claim(self, session: object) -> None:
        """Drive this session from now on, until another one claims the feed or this one releases it."""
        with self._changed:
            self._claims = [each for each in self._claims if each is not session] + [session]

    def release(self, session: object) -> None:
        """Do not drive this session; the one that was driven before it is again. May be called again."""
        with self._changed:
            self._claims = [each for each in self._claims if each is not session]
            self._changed.notify_all()

    def drives(self, session: object) -> bool:
        """Whether poses arrive that drive this session."""
        with self._changed:
            return self._is_fresh(self._clock()) and self._is_driven(session)

    def wait_newer(self, session: object, than: float, timeout_s: float) -> ReceivedAt | None:
        """The newest pose for a session, waiting for one that arrived later than `than`; None where nothing drives it.

        After the timeout it is the same one again, if that is fresh.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: not self._is_driven(session) or (self._newest is not None and self._newest.at > than), timeout_s
            )
            is_driven = self._is_driven(session) and self._is_fresh(self._clock())
            return self._newest if is_driven else None

    def state(self, session: object) -> FeedState:
        """What the page of a session shows."""
        with self._changed:
            now = self._clock()
            per_second = sum(now - at < RATE_S for at in self._arrivals)
            if session not in self._claims:
                kind: FeedKind = "off"
            elif not self._is_fresh(now):
                kind = "silent"
            else:
                kind = "drives" if self._is_driven(session) else "elsewhere"
            return FeedState(kind, self._program, per_second)

    def _is_driven(self, session: object) -> bool:
        return bool(self._claims) and self._claims[-1] is session

    def _is_fresh(self, now: float) -> bool:
        return self._newest is not None and now - self._newest.at < FRESH_S
