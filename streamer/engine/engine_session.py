"""One session inside the engine: the mailboxes between its stages, and what other threads choose for it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from streamer.camera import ReceivedFrame
from streamer.effort import FRAME_COSTS, Effort
from streamer.engine import governor
from streamer.engine.draw_schedule import DrawSchedule
from streamer.errors import DeviceMemoryError, KagamiError, SessionError
from streamer.frames import AvatarFrame, CameraFrame
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.stream import Stream
from streamer.options import Obstacle, Phase
from streamer.rigging.backdrop import Backdrop
from streamer.runtime.mailbox import Mailbox, MailboxClosed
from streamer.runtime.meter import DRAWN, RECEIVED, TOTAL, Meter
from streamer.runtime.priority import raise_priority
from streamer.runtime.sound_feed import Samples, SoundFeed
from streamer.sources.mood import NO_MOOD
from streamer.sources.tracker_feed import FeedState, TrackerFeed
from streamer.sources.wanted_motion import WantedActs
from streamer.tracking.tracker import Handover, TrackedMotion

GOVERN_PERIOD_S = 0.25  # between two looks at what frames cost
IDLE_PHASES: tuple[Phase, ...] = ("waiting", "stalled", "paused")  # in which frames follow no camera
RECENT_MOTIONS = 12  # that `recent` holds: some 0.4 s
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PendingMotion:
    """A motion that waits for the engine's next tick.

    camera: the picture it was tracked from, kept only for a benchmark's frame hook. put_at: seconds on `time.monotonic`
    when it was put into the mailbox.
    """

    tracked: TrackedMotion
    camera: CameraFrame | None
    put_at: float


@dataclass(frozen=True, slots=True)
class TrackingState:
    """What the page is told of a session's tracking; one value, so that no reader sees parts of two.

    phase: as the page shows it. progress: of the calibration, 0..1.
    responding: False while the tracker does not answer and the avatar idles meanwhile.
    people: how many are seen before the camera. obstacle: what keeps the calibration from going on.
    """

    phase: Phase = "waiting"
    progress: float = 0.0
    responding: bool = True
    people: int = 0
    obstacle: Obstacle | None = None


class EngineSession:
    """A live session: camera pictures in, avatar frames out. Made by `Engine.admit`; tracks from `start` on.

    track: run in the tracking thread with this session, until `camera` and `motions` are closed.
    avatar: drawn from the next frame on, see `wear`.
    controls, backdrop, paused, acts, mood: may be set from any thread.
    stream: the session's state on the device; belongs to the engine's thread.
    camera: single-slot mailbox of received pictures, read by the tracking thread.
    sound: of the microphone, read by the tracking thread; on_sound is called with what is put into it.
    feed: of other programs' trackers, which drive the session they are for in place of its camera.
    motions: single-slot mailbox of tracked motions, read by the engine's thread.
    state: of its tracking; replaced by the tracking thread.
    newest_frame: that was drawn; None before the first one.
    handover: the last of its tracker once it is calibrated, for a session elsewhere that goes on in place of this one.
    adopted: what its tracker goes on with; to be set before `start`.
    speaks_unseen: whether a voice is all that moves it now, or did and is awaited; set by the tracking thread.
    recent: the last motions that were tracked while live, for measurements of how the driver looks; oldest first.
    is_recorded: whether the server writes its frames to a file now; set by who does.
    since: when it began, in seconds of the wall clock: by it the newest of an engine is known.
    failure: the error that ended the session, if any; `on_failure` is called with it, in the thread that failed.
    """

    def __init__(
        self,
        avatar: Avatar,
        controls: Controls,
        track: Callable[[EngineSession], None],
        wake_engine: Callable[[], None],
        on_failure: Callable[[KagamiError], None],
        schedule: DrawSchedule,
        on_sound: Callable[[SoundFeed, Samples], None] | None = None,
        feed: TrackerFeed | None = None,
        since: float = 0.0,
    ) -> None:
        self.avatar = avatar
        self._coming: tuple[Avatar, Future[None]] | None = None  # the next avatar, and who waits for it
        self.since = since
        self.controls = controls
        self.backdrop: Backdrop | None = None
        self.paused = False
        self.acts = WantedActs()
        self.mood = NO_MOOD
        self.is_recorded = False
        self.camera: Mailbox[ReceivedFrame] = Mailbox()
        self.sound = SoundFeed(self._hear)
        self.motions: Mailbox[PendingMotion] = Mailbox(on_put=wake_engine)
        self.stream: Stream | None = None
        self.newest_frame: AvatarFrame | None = None
        self._output: Mailbox[AvatarFrame] = Mailbox()
        self._closed_output_drops = 0
        self.state = TrackingState()
        self.speaks_unseen = False
        self.recent: deque[TrackedMotion] = deque(maxlen=RECENT_MOTIONS)
        self.handover: Handover | None = None
        self.adopted: Handover | None = None
        self.failure: KagamiError | None = None
        self.meter = Meter()
        self._governor = governor.Governor()
        self._governed_at = 0.0
        self._on_failure = on_failure
        self._on_sound = on_sound
        self._schedule = schedule
        self._feed = feed
        self._calibrate = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(track,), name="tracking", daemon=True)
        self._lock = threading.Lock()  # guards the start, the end and the next avatar
        self._started = False
        self._closed = False
        self.let_trackers_drive(controls.tracker)

    @property
    def characters(self) -> int:
        """How many characters its picture has, each of which is drawn in every frame."""
        return len(self.avatar.cast)

    @property
    def has_tracker(self) -> bool:
        """True from `start` until the tracker is closed, which may be seconds after `close`."""
        return self._thread.is_alive()

    @property
    def drops(self) -> dict[str, int]:
        """Items replaced before use, by mailbox."""
        out = self._closed_output_drops + self._output.drops
        return {"camera": self.camera.drops, "motion": self.motions.drops, "out": out}

    def new_output(self) -> Mailbox[AvatarFrame]:
        """A new mailbox that receives the frames from now on; closes the previous one."""
        self._closed_output_drops += self._output.drops
        self._output.close()
        self._output = Mailbox()
        return self._output

    def wear(self, avatar: Avatar) -> Future[None]:
        """Have another avatar drawn from the next frame on. Callable from any thread.

        The future is done once the engine has changed over to it and begins its first frame. Where it will not, the
        future is done all the same: at once before `start`, else when the session closes or yet another avatar comes.
        """
        begun: Future[None] = Future()
        begun.set_running_or_notify_cancel()  # nobody cancels it
        with self._lock:
            self.avatar = avatar
            self._end_coming()
            self._coming = avatar, begun
            if self._closed or not self._started:
                self._end_coming()
        return begun

    def confirm(self, avatar: Avatar) -> None:
        """The engine begins a frame of this avatar. For the engine's thread."""
        with self._lock:
            if self._coming is not None and self._coming[0] is avatar:
                self._end_coming()

    def _end_coming(self) -> None:
        """Nobody waits for the next avatar any longer. The caller holds the lock."""
        coming, self._coming = self._coming, None
        if coming is not None:
            coming[1].set_result(None)

    def deliver(self, frame: AvatarFrame) -> None:
        """Put a drawn frame into the current output. Without an open one the frame is dropped, and its delay ends here,
        where else the connection that sends it measures it.
        """
        self.newest_frame = frame
        self._output.put(frame)
        if self._output.closed:
            self.meter.add({TOTAL: (time.monotonic() - frame.captured) * 1000})

    def govern(self, now: float) -> None:
        """Adapt the effort to what was measured of late. For the engine's thread, after each frame. now: seconds on
        `time.monotonic`.
        """
        if now - self._governed_at < GOVERN_PERIOD_S or self.state.phase in IDLE_PHASES:
            return
        self._governed_at = now
        over = governor.SETTLE_S
        load = governor.Load(
            fps=self.meter.rate(DRAWN, over),
            camera_fps=self._received_fps(over),
            delay_ms=self.meter.percentiles(TOTAL, over)["p95"],
        )
        self._governor = governor.advance(self._governor, load, governor.TARGETS[self.controls.speed], now)

    @property
    def effort(self) -> Effort:
        """What its frames may cost; `govern` adapts it."""
        return self._governor.effort

    @property
    def least_cost(self) -> float:
        """Time of a frame with the least effort, as a share of its time with the present one."""
        return FRAME_COSTS[-1] / FRAME_COSTS[self._governor.step]

    def let_trackers_drive(self, wanted: bool) -> None:
        """Whether this is the session that trackers of other programs drive from now on, or none of them does."""
        if self._feed is not None:
            (self._feed.claim if wanted and not self._closed else self._feed.release)(self)

    @property
    def feed_state(self) -> FeedState | None:
        """What is received from trackers of other programs; None where the server receives nothing."""
        return None if self._feed is None else self._feed.state(self)

    def _received_fps(self, over_s: float) -> float:
        """Camera pictures a second, or poses of the tracker that drives."""
        state = self.feed_state
        is_driven = state is not None and state.kind == "drives"
        return float(state.per_second) if state is not None and is_driven else self.meter.rate(RECEIVED, over_s)

    def calibrate(self) -> None:
        """Measure the neutral again from the next steady frames."""
        self._calibrate.set()

    def takes_calibration(self) -> bool:
        """Whether `calibrate` was called since this was asked last. For the tracking thread."""
        is_wanted = self._calibrate.is_set()
        if is_wanted:
            self._calibrate.clear()
        return is_wanted

    def start(self) -> None:
        """Start the tracking thread and in it the tracker. Does nothing when called again, and after `close`."""
        with self._lock:
            if not self._started and not self._closed:
                self._started = True
                self._thread.start()

    def close(self) -> None:
        """Close the mailboxes, which ends the tracking thread. Idempotent; callable from any thread."""
        with self._lock:
            self._closed = True
            self._end_coming()
        for mailbox in (self.camera, self.motions, self._output):
            mailbox.close()
        self._schedule.wake()
        self.let_trackers_drive(False)

    def join(self, timeout: float = 5.0) -> None:
        """Wait up to `timeout` seconds for the tracking thread. Blocks, so never call it on the event loop."""
        if self._started:
            self._thread.join(timeout)

    @contextmanager
    def boundary(self) -> Iterator[None]:
        """An exception in this block ends this session and no other: the only broad `except` of the engine."""
        try:
            yield
        except MailboxClosed:
            pass
        except Exception as error:
            _log.exception("a session broke")
            if self.failure is None:
                self.failure = _session_failure(error)
                self._on_failure(self.failure)
            self.close()

    def _run(self, track: Callable[[EngineSession], None]) -> None:
        raise_priority()
        with self.boundary():
            track(self)

    def _hear(self, feed: SoundFeed, samples: Samples) -> None:
        """Called with each piece of sound: a frame may have waited for it."""
        self.camera.nudge()
        if self._on_sound is not None:
            self._on_sound(feed, samples)


def _session_failure(error: Exception) -> KagamiError:
    """The error to show in the page."""
    if isinstance(error, KagamiError):
        return error
    return DeviceMemoryError() if isinstance(error, torch.OutOfMemoryError) else SessionError()
