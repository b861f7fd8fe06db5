"""One session inside the engine: its mailboxes, tracking thread, controls and phase."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from streamer.camera import Converter, ReceivedFrame
from streamer.effort import FRAME_COSTS, Effort
from streamer.engine import governor
from streamer.engine.camera_silence import IDLE_FPS, VOICE_FPS, CameraSilence
from streamer.engine.draw_schedule import LEAD_QUANTILE, DrawSchedule, RecentDurations
from streamer.engine.voice_frames import VoiceFrames, held, is_recent
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
from streamer.sources.mixer import live_mixer
from streamer.sources.mood import NO_MOOD
from streamer.sources.received_tracker import Changeover, Mover, ReceivedTracker
from streamer.sources.source import Moment
from streamer.sources.tracker_feed import FeedState, TrackerFeed
from streamer.sources.wanted_motion import WantedActs, WantedMotion
from streamer.tracking.tracker import Handover, TrackedMotion, Tracker, Wanted

CAMERA_STALLED_S = 1.5  # without a camera picture, until the phase becomes "stalled" and the page says so
GOVERN_PERIOD_S = 0.25  # between two looks at what frames cost
RECENT_MOTIONS = 12  # that `recent` holds: some 0.4 s
_IDLE_PHASES: tuple[Phase, ...] = ("waiting", "stalled", "paused")  # in which frames follow no camera
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

    avatar, controls, backdrop, paused, acts, mood: may be set from any thread.
    stream: the session's state on the device; belongs to the engine's thread.
    camera: single-slot mailbox of received pictures, read by the tracking thread.
    sound: of the microphone, read by the tracking thread; on_sound is called with what is put into it.
    feed: of other programs' trackers, which drive the session they are for in place of its camera.
    motions: single-slot mailbox of tracked motions, read by the engine's thread.
    state: of its tracking; replaced by the tracking thread.
    newest_frame: that was drawn; None before the first one.
    handover: the last of its tracker once it is calibrated, for a session elsewhere that goes on in place of this one.
    adopted: what its tracker goes on with; to be set before `start`.
    speaks_unseen: whether a voice is all that moves it now; set by the tracking thread.
    recent: the last motions that were tracked while live, for measurements of how the driver looks; oldest first.
    is_recorded: whether the server writes its frames to a file now; set by who does.
    failure: the error that ended the session, if any; `on_failure` is called with it, in the thread that failed.
    """

    def __init__(
        self,
        avatar: Avatar,
        controls: Controls,
        make_tracker: Callable[[], Tracker],
        wake_engine: Callable[[], None],
        on_failure: Callable[[KagamiError], None],
        schedule: DrawSchedule,
        keep_camera: bool = False,
        on_sound: Callable[[SoundFeed, Samples], None] | None = None,
        feed: TrackerFeed | None = None,
    ) -> None:
        self.avatar = avatar
        self.stream: Stream | None = None
        self.controls = controls
        self.backdrop: Backdrop | None = None
        self.paused = False
        self.acts = WantedActs()
        self.mood = NO_MOOD
        self.state = TrackingState()
        self.speaks_unseen = False
        self._governor = governor.Governor()
        self._governed_at = 0.0
        self.recent: deque[TrackedMotion] = deque(maxlen=RECENT_MOTIONS)
        self.handover: Handover | None = None
        self.adopted: Handover | None = None
        self.is_recorded = False
        self.failure: KagamiError | None = None
        self.camera: Mailbox[ReceivedFrame] = Mailbox()
        self.sound = SoundFeed(self._hear)
        self._on_sound = on_sound
        self.motions: Mailbox[PendingMotion] = Mailbox(on_put=wake_engine)
        self.newest_frame: AvatarFrame | None = None
        self._output: Mailbox[AvatarFrame] = Mailbox()
        self._closed_output_drops = 0
        self.meter = Meter()
        self._make_tracker = make_tracker
        self._on_failure = on_failure
        self._schedule = schedule
        self._keep_camera = keep_camera
        self._calibrate = threading.Event()
        self._thread = threading.Thread(target=self._track, name="tracking", daemon=True)
        self._start_lock = threading.Lock()
        self._started = False
        self._closed = False
        self._feed = feed
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
        if now - self._governed_at < GOVERN_PERIOD_S or self.state.phase in _IDLE_PHASES:
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

    def start(self) -> None:
        """Start the tracking thread and in it the tracker. Does nothing when called again, and after `close`."""
        with self._start_lock:
            if not self._started and not self._closed:
                self._started = True
                self._thread.start()

    def close(self) -> None:
        """Close the mailboxes, which ends the tracking thread. Idempotent; callable from any thread."""
        with self._start_lock:
            self._closed = True
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

    def _track(self) -> None:
        raise_priority()
        with self.boundary():
            tracker = self._make_tracker()
            try:
                self._track_with(tracker)
            finally:
                tracker.close()

    def _track_with(self, tracker: Tracker) -> None:
        to_rgb, index, wanted, began_at, frames = Converter(), 0, Wanted(), -math.inf, VoiceFrames()
        durations, mixer, silence = RecentDurations(), live_mixer(self.sound), CameraSilence()
        program = None if self._feed is None else ReceivedTracker(self._feed, self)
        changeover = Changeover()
        tracked: TrackedMotion | None = None
        idle: TrackedMotion | None = None
        if self.adopted is not None:
            tracker.look_for(wanted := self._wanted())
            tracker.adopt(self.adopted)
        while True:
            self._schedule.wait_for_turn(lambda: not self.motions, durations.quantile(LEAD_QUANTILE))
            idle = self._idle_ahead(tracker, idle)
            by_program = self._track_program(program, silence)
            received = None if by_program is not None else self._next_picture(silence, began_at)
            began_at = time.monotonic()
            if (now_wanted := self._wanted()) != wanted:
                wanted = now_wanted
                tracker.look_for(wanted)
            if by_program is None and self._calibrate.is_set():
                self._calibrate.clear()
                tracker.calibrate()
            frame: CameraFrame | None = None
            mover: Mover = "camera"
            if by_program is not None:
                tracked, phase, mover = by_program, by_program.phase, "tracker"
            elif received is None and tracked is not None and not (self.paused or silence.is_idle(began_at)):
                tracked = held(tracked, began_at)  # in which a voice goes on
            elif received is None or self.paused:
                tracked, mover = tracker.idle(began_at) if idle is None else held(idle, began_at), "idle"
                phase = self._idle_phase(silence.lasts_s(began_at))
                if phase in _IDLE_PHASES:  # not where a camera is silent for a moment
                    self.recent.clear()
            else:
                began = time.perf_counter()
                frame = CameraFrame(to_rgb(received.video), received.at, index)
                tracked = self._track_picture(tracker, frame, began)
                durations.add(time.perf_counter() - began)
                silence.notice(received.at)
                index, phase = index + 1, tracked.phase
            if tracked.handover.is_calibrated:
                self.handover = tracked.handover
            self.state = TrackingState(phase, tracked.progress, tracked.responding, tracked.people, tracked.obstacle)
            now = time.monotonic()
            is_on_time = mover == "tracker" or frame is not None or not silence.is_late(now)
            moment = Moment(now, tracked.is_seen and is_on_time, self._wanted_motion(), tracked.motion.captured)
            eased = tracked if program is None else changeover.eased(tracked, mover, now)
            motion, neutral = mixer.mix(eased.motion, eased.neutral, moment)
            if frames.take(motion.face, began_at) or not self.speaks_unseen:
                mixed = replace(eased, motion=motion, neutral=neutral)
                self.motions.put(PendingMotion(mixed, frame if self._keep_camera else None, time.monotonic()))

    def _idle_ahead(self, tracker: Tracker, last: TrackedMotion | None) -> TrackedMotion | None:
        """The motion in which a voice alone goes on, IDLE_FPS times a second, asked of the tracker's process before the
        next sound comes, so that no sound waits for it; None where there is no such voice. last: of the last frame.
        """
        if not self.speaks_unseen or self.paused:
            return None
        return last if last is not None and is_recent(last, time.monotonic()) else tracker.idle(time.monotonic())

    def _hear(self, feed: SoundFeed, samples: Samples) -> None:
        """Called with each piece of sound: a frame may have waited for it."""
        self.camera.nudge()
        if self._on_sound is not None:
            self._on_sound(feed, samples)

    def _next_picture(self, silence: CameraSilence, began_at: float) -> ReceivedFrame | None:
        """The next camera picture; None where a frame is to be begun without it. began_at: see `CameraSilence`."""
        while True:
            sound_at = self.sound.put_at if self.sound.is_live and self.controls.voice is not None else None
            fps = VOICE_FPS if self.speaks_unseen and self._schedule.is_quick else IDLE_FPS
            patience = silence.patience_s(time.monotonic(), began_at, sound_at, fps)
            received = self.camera.get(patience)
            if received is not None or patience <= 0:
                self.speaks_unseen = received is None and self.sound.speaks and silence.is_idle(time.monotonic())
                return received

    def _track_picture(self, tracker: Tracker, frame: CameraFrame, began: float) -> TrackedMotion:
        """The motion of one camera picture. began: seconds on `time.perf_counter`, before it was decoded."""
        decoded = time.perf_counter()
        tracked = tracker.track(frame)
        self.meter.add({"decode": (decoded - began) * 1000, "track": (time.perf_counter() - decoded) * 1000})
        if tracked.phase == "live":
            self.recent.append(tracked)
        else:
            self.recent.clear()
        return tracked

    def _track_program(self, program: ReceivedTracker | None, silence: CameraSilence) -> TrackedMotion | None:
        """The motion that another program's tracker gives now; None where none drives. Raises MailboxClosed."""
        if program is None or self.paused or not program.drives:
            return None
        if (received := self.camera.get(0.0)) is not None:  # it is not tracked
            silence.notice(received.at)
        program.characters, program.with_body = self.characters, self.controls.follow_body
        tracked = program.track(time.monotonic())
        if tracked is not None:
            self.speaks_unseen = False
            self.recent.append(tracked)
            if self._calibrate.is_set():
                self._calibrate.clear()
                program.calibrate()
        return tracked

    def _wanted_motion(self) -> WantedMotion:
        """What the sources beside the camera are to do."""
        return WantedMotion(self.acts, None if self.paused else self.controls.voice, self.mood)

    def _wanted(self) -> Wanted:
        controls, cast = self.controls, self.avatar.cast
        shown = tuple(one.shown_body for one in cast)
        return Wanted(
            shown,
            controls.who,
            controls.mirror,
            controls.follow_body,
            controls.smoothing,
            self.effort.body_share,
            self.mood.idle,
        )

    def _idle_phase(self, silence_s: float) -> Phase:
        """silence_s: since the camera's last picture. A camera that is silent for a moment changes nothing."""
        if self.paused:
            return "paused"
        if silence_s == math.inf:
            return "waiting"
        return "stalled" if silence_s > CAMERA_STALLED_S else self.state.phase


def _session_failure(error: Exception) -> KagamiError:
    """The error to show in the page."""
    if isinstance(error, KagamiError):
        return error
    return DeviceMemoryError() if isinstance(error, torch.OutOfMemoryError) else SessionError()
