"""The engine: one thread owns the device and draws all live sessions as one batch, when motions arrive and the pace
allows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol
from weakref import WeakSet

import torch

from streamer.engine.admission import Admission
from streamer.engine.draw_schedule import DrawSchedule
from streamer.engine.engine_session import EngineSession, PendingMotion
from streamer.engine.picture_preparation import Building, PicturePreparation, Preparation
from streamer.engine.tick_pace import TickPace
from streamer.engine.watchers import Listener, Watchers
from streamer.errors import DeviceMemoryError, EngineClosedError, KagamiError, ServerFullError
from streamer.frames import AvatarFrame, CameraFrame
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.stream import FrameRequest, Stream
from streamer.runtime.cached_value import CachedValue
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.memory import memory_bytes
from streamer.runtime.meter import DRAWN, QUEUE_AGE, spread
from streamer.runtime.priority import raise_priority
from streamer.runtime.sound_feed import Samples, SoundFeed
from streamer.sources.tracker_feed import TrackerFeed
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.tracker import Tracker

SPREAD_PERIOD_S = 1.0  # every page requests the spread once a second, and percentiles over all sessions cost time
MEMORY_PERIOD_S = 5.0
CLOSE_TIMEOUT_S = 10.0  # for the tracking threads of all sessions together, and again for the frame being drawn
_log = logging.getLogger(__name__)

FrameHook = Callable[[CameraFrame, AvatarFrame], AvatarFrame]


class Pipeline(Building, Protocol):
    """The part of `AvatarPipeline` that the engine calls, and what it draws on."""

    @property
    def device(self) -> torch.device: ...

    def open(self, avatar: Avatar) -> Stream: ...

    def swap(self, stream: Stream, avatar: Avatar) -> None: ...

    def close(self, stream: Stream) -> None: ...

    def draw(self, requests: list[FrameRequest]) -> list[AvatarFrame]: ...


class BatchEntry(NamedTuple):
    """One session's share of a batch: the motion taken from its mailbox, and the frame to draw from it."""

    session: EngineSession
    pending: PendingMotion
    request: FrameRequest


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
        self._frame_hook = frame_hook
        self._wake = threading.Condition()  # guards everything below
        self._sessions: list[EngineSession] = []
        self._left: list[EngineSession] = []  # the engine thread has yet to free their streams
        self._ending: WeakSet[EngineSession] = WeakSet()  # they left; a tracker that still runs keeps its session alive
        self.watchers = Watchers()
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

    def admit(self, avatar: Avatar, controls: Controls, on_failure: Callable[[KagamiError], None]) -> EngineSession:
        """Add a session, which tracks and draws nothing before its `start`.

        on_failure: called once, in any thread, if the session fails. Sessions that left count until their trackers have
        ended, so that there are never more trackers than `max_sessions`. Raises ServerFullError, OverloadError,
        EngineClosedError.
        """
        with self._wake:
            if self._closed:
                raise EngineClosedError
            live = sum(session.characters for session in self._sessions)
            stalled = sum(session.characters for session in self._sessions if session.state.phase == "stalled")
            self._admission.check(live, stalled, self._count_ending(), len(avatar.cast), self._least_cost())
            session = EngineSession(
                avatar, controls, self._make_tracker, self._on_motion, on_failure, self._schedule,
                keep_camera=self._frame_hook is not None, on_sound=self._on_sound, feed=self._feed,
            )  # fmt: skip
            self._sessions.append(session)
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
                self._draw_moved(moved, newest=sessions[-1])

    def _draw_moved(self, moved: list[tuple[EngineSession, PendingMotion]], newest: EngineSession) -> None:
        batch = [BatchEntry(*each, request) for each in moved if (request := self._request(*each)) is not None]
        if batch:
            self._draw(batch, newest)

    def _release_left(self) -> None:
        """Free the device memory of sessions that left, before a new one needs it, and never during a draw."""
        with self._wake:
            left, self._left = self._left, []
        for session in left:
            if session.stream is not None:
                self.pipeline.close(session.stream)
            session.stream = None

    def _request(self, session: EngineSession, pending: PendingMotion) -> FrameRequest | None:
        """The session's next frame to draw; None if that fails, which removes the session from the engine."""
        with session.boundary():
            avatar = session.avatar
            if session.stream is None:
                session.stream = self.pipeline.open(avatar)
            elif session.stream.avatar is not avatar:
                self.pipeline.swap(session.stream, avatar)
            session.stream.set_effort(session.effort)
            tracked = pending.tracked
            further = session.characters - 1
            others = (*tracked.others[:further], *[(NEUTRAL, NEUTRAL)] * (further - len(tracked.others)))
            return FrameRequest(
                session.stream, tracked.motion, tracked.neutral, session.controls, others, backdrop=session.backdrop
            )
        self.leave(session)
        return None

    def _draw(self, batch: list[BatchEntry], newest: EngineSession) -> None:
        began = time.monotonic()
        frames, no_memory = None, False
        try:
            frames = self.pipeline.draw([entry.request for entry in batch])
        except Exception as error:
            no_memory = isinstance(error, torch.OutOfMemoryError | DeviceMemoryError)
            if len(batch) == 1:
                with batch[0].session.boundary():
                    raise
        if frames is None:  # outside of the handler, because the error keeps the batch's device memory alive
            self._isolate_failure(batch, newest, no_memory)
            return
        seconds = time.monotonic() - began
        with self._wake:
            self._admission.record(sum(entry.session.characters for entry in batch), seconds)
            self._drawn += len(batch)
        for (session, pending, _), frame in zip(batch, frames, strict=True):
            motion = pending.tracked.motion
            with session.boundary():
                session.meter.add({**motion.stages, **frame.stages, "draw": seconds * 1000})
                session.meter.tick(DRAWN)
                if self._governed:
                    session.govern(time.monotonic())
                self._deliver(session, pending, replace(frame, captured=motion.captured), newest)

    def _isolate_failure(self, batch: list[BatchEntry], newest: EngineSession, no_memory: bool) -> None:
        """After a batch failed, draw its sessions one by one, and remove those that fail alone as well. Where the
        device has memory for each but not for all, remove the newest, since else every tick would fail again.
        """
        if len(batch) == 1:
            self.leave(batch[0].session)
            return
        for entry in batch:
            self._draw([entry], newest)
        last = batch[-1].session
        if no_memory and not any(entry.session.failure for entry in batch):
            with last.boundary():
                raise DeviceMemoryError
            self.leave(last)

    def _deliver(
        self, session: EngineSession, pending: PendingMotion, frame: AvatarFrame, newest: EngineSession
    ) -> None:
        if self._frame_hook and pending.camera is not None:
            frame = self._frame_hook(pending.camera, frame)
        session.deliver(frame)
        self.watchers.deliver(session, session is newest, frame, pending.tracked)
