"""The engine: one thread owns the device and draws all live sessions as one batch, when motions arrive and the pace
allows.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import insort
from collections import Counter
from collections.abc import Callable, Sequence
from weakref import WeakSet

from streamer.engine.admission import Admission
from streamer.engine.batch_drawer import BatchDrawer, FrameHook, Pipeline
from streamer.engine.draw_schedule import DrawSchedule
from streamer.engine.engine_session import EngineSession
from streamer.engine.picture_preparation import PicturePreparation, Preparation
from streamer.engine.tick_pace import TickPace
from streamer.engine.tracking_loop import TrackingLoop
from streamer.engine.watchers import Listener, Watchers
from streamer.errors import EngineClosedError, KagamiError, ServerFullError
from streamer.frames import AvatarFrame
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.runtime.cached_value import CachedValue
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.memory import memory_bytes
from streamer.runtime.meter import QUEUE_AGE, spread
from streamer.runtime.priority import raise_priority
from streamer.runtime.sound_feed import Samples, SoundFeed
from streamer.sources.tracker_feed import TrackerFeed
from streamer.tracking.tracker import Tracker

SPREAD_PERIOD_S = 1.0  # every page requests the spread once a second, and percentiles over all sessions cost time
MEMORY_PERIOD_S = 5.0
CLOSE_TIMEOUT_S = 10.0  # for the tracking threads of all sessions together, and again for the frame being drawn
_log = logging.getLogger(__name__)


class Engine:
    """Draws for up to `max_sessions` sessions, at most `fps` frames per second each, and admits no more of them than
    leave every session `min_fps` (0: no limit).

    make_tracker: makes a session's tracker, called in its tracking thread. frame_hook: changes each frame before it
    is delivered, given the camera picture that it follows; only benchmarks set it, to copy a bar code. preparation:
    prepares uploads in place of the pipeline. pictures: prepares them in the background. governed: whether sessions
    give up some effort where frames would come too slowly else, see `streamer.engine.governor`. feed: poses of
    other programs' trackers. watchers: who gets frames and sound besides the pages.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        make_tracker: Callable[[], Tracker],
        fps: float = 30.0,
        max_sessions: int = 4,
        frame_hook: FrameHook | None = None,
        min_fps: float = 0.0,
        preparation: Preparation | None = None,
        governed: bool = False,
        feed: TrackerFeed | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.pictures = PicturePreparation(pipeline, preparation or pipeline)
        self.fps = fps
        self._make_tracker = make_tracker
        self._governed = governed
        self._feed = feed
        self._keep_camera = frame_hook is not None
        self.watchers = Watchers()
        self._drawer = BatchDrawer(pipeline, self.watchers, self.leave, self._on_drawn, governed, frame_hook)
        self._wake = threading.Condition()  # guards everything below
        self._sessions: list[EngineSession] = []
        self._left: list[EngineSession] = []  # the engine thread has yet to free their streams
        self._ending: WeakSet[EngineSession] = WeakSet()  # they left; a tracker that still runs keeps its session alive
        self._admission = Admission(max_sessions, min_fps)
        self._schedule = DrawSchedule()
        self._drawn = 0
        self._admitted = 0
        self._left_drops: Counter[str] = Counter()
        self._spread = CachedValue(lambda: spread([session.meter for session in self.sessions]), SPREAD_PERIOD_S)
        self._memory = CachedValue(memory_bytes, MEMORY_PERIOD_S)
        self._has_work = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def session_count(self) -> int:
        with self._wake:
            return len(self._sessions)

    @property
    def sessions(self) -> tuple[EngineSession, ...]:
        """The live sessions, oldest first."""
        with self._wake:
            return tuple(self._sessions)

    @property
    def drawn(self) -> int:
        """Frames drawn since the start."""
        return self._drawn

    @property
    def max_sessions(self) -> int:
        return self._admission.max_sessions

    @property
    def waits_for_trackers(self) -> bool:
        """True if there is no place for one more session, but will be once the trackers of sessions that left ended."""
        with self._wake:
            live = sum(session.characters for session in self._sessions)
            ending = self._count_ending()
        return live < self.max_sessions <= live + ending

    @property
    def is_running(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    def load(self) -> tuple[int, int, int]:
        """Characters that are live or have a tracker that still ends, the most that admission would let be live at
        once now, and the sessions admitted since the start.
        """
        with self._wake:
            live = sum(session.characters for session in self._sessions) + self._count_ending()
            return live, self._admission.capacity(live, self._least_cost()), self._admitted

    @property
    def refused(self) -> int:
        """Sessions refused by admission since the start."""
        return self._admission.refused

    @property
    def drops(self) -> dict[str, int]:
        """Items replaced before use since the start, by mailbox, over all sessions including those that left."""
        with self._wake:
            counts = Counter(self._left_drops)
            for session in self._sessions:
                counts.update(session.drops)
        return dict(counts)

    def spread(self) -> dict[str, dict[str, float]]:
        """Slowest and fastest live session, see `meter.spread`; computed at most once per `SPREAD_PERIOD_S`."""
        return self._spread()

    def memory(self) -> dict[str, int]:
        """Bytes in use, see `memory_bytes`; measured at most once per `MEMORY_PERIOD_S`."""
        return self._memory()

    @property
    def newest(self) -> Avatar | None:
        """The avatar of the newest live session, which watchers see; None without a session."""
        with self._wake:
            return self._sessions[-1].avatar if self._sessions else None

    def sound_lag_s(self, session: EngineSession | None = None) -> float:
        """Seconds by which what the sound of a session, or of the newest, moves is later than what its camera moves."""
        sessions = self.sessions if session is None else (session,)
        return sessions[-1].sound.lag_s if sessions else 0.0

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End all sessions and the thread. Blocks for the frame being drawn and for trackers, no longer than
        2 CLOSE_TIMEOUT_S; may be called again.
        """
        self.pictures.close()
        with self._wake:
            self._closed = True
            sessions = list(self._sessions)
            self._wake.notify_all()
        for session in sessions:
            self.leave(session)
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        for session in sessions:
            session.join(max(0.0, deadline - time.monotonic()))
        self.watchers.close()
        if self._thread.is_alive():
            self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            _log.error("the frame being drawn did not end within %.0f s; the engine closes without it", CLOSE_TIMEOUT_S)
        else:
            self._release_left()

    def admit(
        self, avatar: Avatar, controls: Controls, on_failure: Callable[[KagamiError], None], since: float | None = None
    ) -> EngineSession:
        """Add a session, which tracks and draws nothing before its `start`.

        on_failure: called once, in any thread, if the session fails. since: when it began, maybe in another server, in
        seconds of the wall clock; None: now. Sessions that left count until their trackers have ended, so that there
        are never more trackers than `max_sessions`. Raises ServerFullError, OverloadError, EngineClosedError.
        """
        with self._wake:
            if self._closed:
                raise EngineClosedError
            live = sum(session.characters for session in self._sessions)
            stalled = sum(session.characters for session in self._sessions if session.state.phase == "stalled")
            self._admission.check(live, stalled, self._count_ending(), len(avatar.cast), self._least_cost())
            session = EngineSession(
                avatar, controls, self._track, self._on_motion, on_failure, self._schedule, self._on_sound, self._feed,
                time.time() if since is None else since,
            )  # fmt: skip
            insort(self._sessions, session, key=lambda each: each.since)
            self._admitted += 1
            return session

    def check_room(self, session: EngineSession, avatar: Avatar) -> None:
        """Raises ServerFullError if a live session's next avatar has more characters than there is room for."""
        with self._wake:
            live = sum(each.characters for each in self._sessions if each is not session)
        more = len(avatar.cast)
        if more > session.characters and live + more > max(self.max_sessions, more):
            raise ServerFullError(self.max_sessions)

    def leave(self, session: EngineSession) -> None:
        """Remove a session. Idempotent; callable from any thread."""
        session.close()
        with self._wake:
            if session in self._sessions:
                self._sessions.remove(session)
                self._left.append(session)
                self._ending.add(session)
                self._left_drops.update(session.drops)
                self._has_work = True
                self._wake.notify_all()
        self.watchers.leave(session)

    def _least_cost(self) -> float:
        """Time of a frame with the least effort, as a share of recent frames' time. The caller holds the lock."""
        return max((session.least_cost for session in self._sessions), default=1.0) if self._governed else 1.0

    def _count_ending(self) -> int:
        """How many sessions that left have a tracker that still runs. The caller holds the lock."""
        return sum(session.has_tracker for session in self._ending)

    def watch(self, session: EngineSession | None = None) -> Mailbox[AvatarFrame]:
        """A mailbox that receives every frame of a session, until it leaves; without one, of whichever live session is
        the newest at the time. Raises EngineClosedError.
        """
        with self._wake:
            if self._closed or (session is not None and session not in self._sessions):
                raise EngineClosedError
            return self.watchers.watch(None if session is None else session.sound)

    def unwatch(self, mailbox: Mailbox[AvatarFrame]) -> None:
        self.watchers.unwatch(mailbox)

    def listen(self, listener: Listener, session: EngineSession | None = None) -> None:
        """Call `listener` with the sound of a session, or of the newest, in the thread in which it arrives."""
        self.watchers.listen(listener, None if session is None else session.sound)

    def unlisten(self, listener: Listener) -> None:
        self.watchers.unlisten(listener)

    def _track(self, session: EngineSession) -> None:
        """Make motions of what a session receives, until it closes. For its tracking thread."""
        tracker = self._make_tracker()
        try:
            TrackingLoop(session, tracker, self._schedule, self._feed, self._keep_camera).run()
        finally:
            tracker.close()

    def _on_sound(self, feed: SoundFeed, samples: Samples) -> None:
        """Called for every piece of sound of a session, 50 times a second."""
        if len(self.watchers):
            with self._wake:
                is_newest = bool(self._sessions) and self._sessions[-1].sound is feed
            self.watchers.hear(feed, is_newest, samples)

    def _on_motion(self) -> None:
        with self._wake:
            self._has_work = True
            self._wake.notify_all()

    def _on_drawn(self, drawn: Sequence[EngineSession], seconds: float) -> None:
        """Called with the sessions of a batch, and how long it took."""
        with self._wake:
            self._admission.record(sum(session.characters for session in drawn), seconds)
            self._drawn += len(drawn)

    def _run(self) -> None:
        raise_priority()
        pace = TickPace(time.monotonic(), self.fps)
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._has_work or self._closed)
                self._wake.wait_for(lambda: self._closed, pace.wait(time.monotonic()))
                if self._closed:
                    return
                self._has_work = False
            pace.advance(time.monotonic())
            # A function of its own, so that no local variable keeps a session alive during the wait.
            self._tick(not_before=pace.usable_at)
            pace.follow(self.sessions)

    def _tick(self, not_before: float) -> None:
        """Draw one frame for every session with a new motion since the last tick, each by its newest motion.

        not_before: when the next tick may begin, seconds on `time.monotonic`.
        """
        self._release_left()
        sessions = self.sessions
        moved = [(session, pending) for session in sessions if (pending := session.motions.poll()) is not None]
        now = time.monotonic()
        for session, pending in moved:
            session.meter.add({QUEUE_AGE: (now - pending.put_at) * 1000})
        if moved:
            with self._schedule.drawing(not_before):
                self._drawer.draw(moved, newest=sessions[-1])

    def _release_left(self) -> None:
        """Free the device memory of sessions that left, before a new one needs it, and never during a draw."""
        with self._wake:
            left, self._left = self._left, []
        for session in left:
            self._drawer.free(session)
