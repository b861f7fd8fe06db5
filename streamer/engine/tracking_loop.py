"""The loop of a session's tracking thread: whatever moves the character becomes motions that the engine draws."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import replace
from typing import NamedTuple

from streamer.camera import Converter, ReceivedFrame
from streamer.engine.camera_silence import IDLE_FPS, VOICE_FPS, CameraSilence
from streamer.engine.draw_schedule import LEAD_QUANTILE, DrawSchedule, RecentDurations
from streamer.engine.engine_session import IDLE_PHASES, EngineSession, PendingMotion, TrackingState
from streamer.engine.voice_frames import VoiceFrames, held, is_recent
from streamer.frames import CameraFrame
from streamer.options import Phase
from streamer.sources.mixer import live_mixer
from streamer.sources.received_tracker import Changeover, Mover, ReceivedTracker
from streamer.sources.source import Moment
from streamer.sources.tracker_feed import TrackerFeed
from streamer.sources.wanted_motion import WantedMotion
from streamer.tracking.tracker import TrackedMotion, Tracker, Wanted

AWAITED_WORDS_S = 10.0  # after somebody spoke unseen, in which their next word is drawn as soon as the others
CAMERA_STALLED_S = 1.5  # without a camera picture, until the phase becomes "stalled" and the page says so


class Move(NamedTuple):
    """What moves the character in the next frame. mover: what it comes of. picture: of the camera, if it is tracked."""

    tracked: TrackedMotion
    phase: Phase
    mover: Mover
    picture: CameraFrame | None = None


class TrackingLoop:
    """What moves one session's character: another program's tracker, else its camera, else an idle motion; to all of
    them the mixer adds acts, mood and voice.

    session: whose camera and sound are taken, and whose motions are put. tracker: of its camera's pictures; whoever
    made it closes it. schedule: when the engine draws. feed: of other programs' trackers. keeps_camera: whether the
    camera picture stays with its motion.
    """

    def __init__(
        self,
        session: EngineSession,
        tracker: Tracker,
        schedule: DrawSchedule,
        feed: TrackerFeed | None = None,
        keeps_camera: bool = False,
    ) -> None:
        self._session = session
        self._tracker = tracker
        self._schedule = schedule
        self._keeps_camera = keeps_camera
        self._program = None if feed is None else ReceivedTracker(feed, session)
        self._changeover = Changeover()
        self._mixer = live_mixer(session.sound)
        self._to_rgb = Converter()
        self._tracked_pictures = 0
        # From the begin of a frame until its motion is there, by what moves it: a tracked picture takes longer.
        self._durations: defaultdict[tuple[Mover, bool], RecentDurations] = defaultdict(RecentDurations)
        self._kind: tuple[Mover, bool] = "idle", False  # of the last frame
        self._silence = CameraSilence()
        self._voice_frames = VoiceFrames()
        self._wanted = Wanted()
        self._spoke_at = -math.inf  # when a voice was heard last, on time.monotonic
        self._began_at = -math.inf  # of the last frame, once its motion's source was known, on time.monotonic
        self._last: TrackedMotion | None = None
        self._idle: TrackedMotion | None = None  # asked for ahead, see `_idle_ahead`

    def run(self) -> None:
        """Put one motion after another. Raises MailboxClosed once the session closes."""
        if self._session.adopted is not None:
            self._look_for(self._now_wanted())
            self._tracker.adopt(self._session.adopted)
        while True:
            lead_s = self._durations[self._kind].quantile(LEAD_QUANTILE)
            self._schedule.wait_for_turn(lambda: not self._session.motions, lead_s)
            self._idle = self._idle_ahead()
            self._put(self._next_move())

    def _next_move(self) -> Move:
        """Wait for what moves the character next. Raises MailboxClosed."""
        session = self._session
        by_program = self._track_program()
        received = None if by_program is not None else self._next_picture()
        self._began_at = now = time.monotonic()
        if (wanted := self._now_wanted()) != self._wanted:
            self._look_for(wanted)
        if by_program is not None:
            return Move(by_program, by_program.phase, "tracker")
        if session.takes_calibration():
            self._tracker.calibrate()
        is_paused = session.paused
        if received is not None and not is_paused:
            return self._track_picture(received)
        if self._last is not None and not (is_paused or self._silence.is_idle(now)):
            return Move(held(self._last, now), session.state.phase, "camera")  # in which a voice goes on
        if self._idle is None or not is_recent(self._idle, now):
            self._idle = self._tracker.idle(now)
        phase = self._idle_phase(self._silence.lasts_s(now))
        if phase in IDLE_PHASES:  # not where a camera is silent for a moment
            session.recent.clear()
        return Move(held(self._idle, now), phase, "idle")

    def _put(self, move: Move) -> None:
        """Have a motion drawn, with what other sources add to it."""
        session, tracked = self._session, move.tracked
        self._last = tracked
        if tracked.handover.is_calibrated:
            session.handover = tracked.handover
        session.state = TrackingState(
            move.phase, tracked.progress, tracked.responding, tracked.people, tracked.obstacle
        )
        now = time.monotonic()
        is_on_time = move.mover == "tracker" or move.picture is not None or not self._silence.is_late(now)
        wanted = WantedMotion(session.acts, None if session.paused else session.controls.voice, session.mood)
        moment = Moment(now, tracked.is_seen and is_on_time, wanted, tracked.motion.captured)
        eased = tracked if self._program is None else self._changeover.eased(tracked, move.mover, now)
        motion, neutral = self._mixer.mix(eased.motion, eased.neutral, moment)
        self._kind = move.mover, move.picture is not None
        self._durations[self._kind].add(time.monotonic() - self._began_at)
        if self._voice_frames.take(motion.face, self._began_at) or not session.speaks_unseen:
            mixed = replace(eased, motion=motion, neutral=neutral)
            session.motions.put(PendingMotion(mixed, move.picture if self._keeps_camera else None, time.monotonic()))

    def _track_program(self) -> TrackedMotion | None:
        """The motion that another program's tracker gives now; None where none drives. Raises MailboxClosed."""
        session, program = self._session, self._program
        if program is None or session.paused or not program.drives:
            return None
        if (received := session.camera.get(0.0)) is not None:  # it is not tracked
            self._silence.notice(received.at)
        program.characters, program.with_body = session.characters, session.controls.follow_body
        tracked = program.track(time.monotonic())
        if tracked is not None:
            session.speaks_unseen = False
            session.recent.append(tracked)
            if session.takes_calibration():
                program.calibrate()
        return tracked

    def _next_picture(self) -> ReceivedFrame | None:
        """The next camera picture; None where a frame is to be begun without it, see `CameraSilence`."""
        session, silence = self._session, self._silence
        while True:
            sound_at = session.sound.put_at if session.sound.is_live and session.controls.voice is not None else None
            fps = VOICE_FPS if session.speaks_unseen and self._schedule.is_quick else IDLE_FPS
            patience = silence.patience_s(time.monotonic(), self._began_at, sound_at, fps)
            received = session.camera.get(patience)
            if received is not None or patience <= 0:
                now = time.monotonic()
                self._spoke_at = now if session.sound.speaks else self._spoke_at
                is_awaited = sound_at is not None and now - self._spoke_at < AWAITED_WORDS_S
                session.speaks_unseen = received is None and is_awaited and silence.is_idle(now)
                return received

    def _track_picture(self, received: ReceivedFrame) -> Move:
        session, began = self._session, time.perf_counter()
        picture = CameraFrame(self._to_rgb(received.video), received.at, self._tracked_pictures)
        decoded = time.perf_counter()
        tracked = self._tracker.track(picture)
        ended = time.perf_counter()
        session.meter.add({"decode": (decoded - began) * 1000, "track": (ended - decoded) * 1000})
        if tracked.phase == "live":
            session.recent.append(tracked)
        else:
            session.recent.clear()
        self._silence.notice(received.at)
        self._tracked_pictures += 1
        return Move(tracked, tracked.phase, "camera", picture)

    def _idle_ahead(self) -> TrackedMotion | None:
        """The motion in which a voice alone goes on: the newest that the tracker's process has answered, so that no
        sound waits for it; None where there is no such voice.
        """
        if not self._session.speaks_unseen or self._session.paused:
            return None
        return self._tracker.idle_soon(time.monotonic()) or self._idle

    def _idle_phase(self, silence_s: float) -> Phase:
        """silence_s: since the camera's last picture. A camera that is silent for a moment changes nothing."""
        if self._session.paused:
            return "paused"
        if silence_s == math.inf:
            return "waiting"
        return "stalled" if silence_s > CAMERA_STALLED_S else self._session.state.phase

    def _now_wanted(self) -> Wanted:
        """What the picture, and who chose it, want of the tracker now."""
        session = self._session
        controls = session.controls
        return Wanted(
            tuple(one.shown_body for one in session.avatar.cast),
            controls.who,
            controls.mirror,
            controls.follow_body,
            controls.smoothing,
            session.effort.body_share,
            session.mood.idle,
        )

    def _look_for(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._tracker.look_for(wanted)
