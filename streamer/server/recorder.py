"""The output of `--record`: what the newest session shows and says, in files of a folder on the server."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from streamer.engine.engine_session import EngineSession
from streamer.engine.watchers import Watchers
from streamer.files.live_sound import LiveSound
from streamer.files.video_reader import VideoError, reason
from streamer.files.video_writer import Recording, SoundTrack, live_suffix, open_live_recording
from streamer.frames import AvatarFrame
from streamer.generation.avatar import Avatar
from streamer.outputs.fitted_frame import fit_frame
from streamer.rigging.picture import Picture
from streamer.runtime.priority import RECORDING_NICENESS, lower_priority
from streamer.runtime.sound_feed import Samples
from streamer.runtime.token_bucket import Rate, TokenBucket
from streamer.server.recording_folder import free_bytes, space_problem
from streamer.server.recording_name import free_path
from streamer.webrtc.delay_line import DelayLine

SPACE_PERIOD_S = 5.0  # between two looks at how much is free
MAX_WAITING_FRAMES = 16  # half a second of frames that wait for the encoder; of more, the newest is left out
SOUND_CAPACITY_S = 10.0  # of sound that waits, more than an encoder that was held up is late
# New files, by what begins them: what a session changes leaves the next session a file of its own.
CHANGES = Rate(8, 0.1)  # of picture, size or background
SESSIONS = Rate(8, 0.1)
SILENT_S = 0.5  # without any sound, after which what comes is another beginning
_log = logging.getLogger(__name__)


class OpenFile(Protocol):
    """`open_live_recording`, or a fake."""

    def __call__(self, path: Path, rate: Fraction, alpha: bool, sound: SoundTrack) -> Recording: ...


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A frame on its way to the encoder. avatar: that it shows. frame: None where the session has ended."""

    session: EngineSession
    avatar: Avatar | None = None
    frame: AvatarFrame | None = None


@dataclass(slots=True)
class _OpenFile:
    """The file that is written. What one file shows has one session, and unless changes come too often one picture.

    kind: width, height, pixels, and whether it has alpha.
    began_at: capture time of its first frame. seconds: of its last frame, from then on. left_out: the recorder's count
    when it began. is_late: whether more has changed than files may begin.
    """

    path: Path
    recording: Recording
    session: EngineSession
    picture: Picture | None
    kind: tuple[int, int, bool]
    began_at: float
    left_out: int
    seconds: float = -1.0
    frames: int = 0
    is_late: bool = False


class Recorder:
    """Records the newest session from `start` to `close`: a new file for each session, picture, size, and where the
    background becomes transparent or is so no more. Files begin no more often than CHANGES and SESSIONS say: a session
    that changes more goes on in the file that it has, fitted into it, and a session that comes too early waits.

    A frame's time is its capture time, as the sound's is: both are in sync whatever tracking and drawing took. The
    sound is later by what the mouth's network looks ahead. One thread encodes; where it is too slow, frames are left
    out, and counted. A disk that is full or fails ends the recording with one sentence, and nothing else.

    folder: exists, see `prepare_folder`. tell: called with one line at each change, in any thread. open_file, free, the
    bytes that are free, now, clock (seconds, that of capture times): injectable for tests. left_out: frames, so far.
    """

    def __init__(
        self,
        folder: Path,
        fps: float,
        tell: Callable[[str], None],
        open_file: OpenFile = open_live_recording,
        free: Callable[[Path], int] = free_bytes,
        now: Callable[[], datetime] = datetime.now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.left_out = 0
        self._folder = folder
        self._rate = Fraction(fps).limit_denominator(1001)
        self._tell = tell
        self._open_file = open_file
        self._free = free
        self._now = now
        self._clock = clock
        self._wake = threading.Condition()
        self._waiting: deque[_Drawn] = deque()
        self._closed = False
        self._file: _OpenFile | None = None  # of the thread
        self._space_due = 0.0
        self._changes, self._sessions = TokenBucket(CHANGES, clock), TokenBucket(SESSIONS, clock)
        self._early: EngineSession | None = None  # which waits for a file
        self._line = DelayLine(SOUND_CAPACITY_S)
        self._heard_at = 0.0
        self._watchers: Watchers | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @property
    def is_on(self) -> bool:
        """Whether sessions are recorded: from `start` until `close`, or until the disk is full or fails."""
        return self._thread.is_alive()

    def start(self, watchers: Watchers) -> None:
        """Record from the next frame on."""
        self._watchers = watchers
        self._thread.start()
        watchers.add_follower(self)
        watchers.listen(self.hear, None)
        self._tell(f"recording the newest session into {self._folder}")

    def close(self) -> None:
        """Complete the file that is written. Idempotent."""
        self._detach()
        if self._thread.is_alive():
            self._thread.join()

    def follow(self, session: EngineSession, frame: AvatarFrame) -> None:
        """Queue a frame; never blocks."""
        avatar = None if session.stream is None else session.stream.avatar
        with self._wake:
            if session.motions.closed:  # it left while this frame was drawn
                return
            if len(self._waiting) >= MAX_WAITING_FRAMES:
                self.left_out += 1
                return
            self._waiting.append(_Drawn(session, avatar, frame))
            self._wake.notify()

    def leave(self, session: EngineSession) -> None:
        with self._wake:
            self._waiting.append(_Drawn(session))
            self._wake.notify()

    def hear(self, samples: Samples) -> None:
        """Take sound of the newest session, in the thread in which it arrives."""
        now = self._clock()
        if now - self._heard_at > SILENT_S:  # what is in the line is further away than the line tells
            self._line = DelayLine(SOUND_CAPACITY_S)
        self._heard_at = now
        self._line.push(samples, now)

    def _detach(self) -> None:
        """Take nothing more; the thread ends when it has written what waits."""
        if self._watchers is not None:
            self._watchers.remove_follower(self)
            self._watchers.unlisten(self.hear)
        with self._wake:
            self._closed = True
            self._wake.notify()

    def _run(self) -> None:
        lower_priority(RECORDING_NICENESS)
        problem = None
        try:
            while (drawn := self._next()) is not None:
                self._take(drawn)
            self._finish()
        except VideoError as error:
            cause = error.__cause__
            problem = self._unwritable(cause) if isinstance(cause, Exception) else str(error)
        except OSError as error:
            problem = self._unwritable(error)
        except Exception:  # of an encoder: it ends the recording, never the sessions
            _log.exception("recording failed")
            problem = "an encoder has failed; read the log"
        if problem is not None:
            self._tell(f"recording has stopped: {problem} and start the server again")
            self._detach()
            self._abandon()

    def _unwritable(self, error: Exception) -> str:
        where = self._folder if self._file is None else self._file.path
        return f"{where} cannot be written ({reason(error)}): free some space or choose another --record"

    def _next(self) -> _Drawn | None:
        """What to do next; None when all is done after `close`."""
        with self._wake:
            self._wake.wait_for(lambda: self._waiting or self._closed)
            return self._waiting.popleft() if self._waiting else None

    def _take(self, drawn: _Drawn) -> None:
        """Write a frame, to another file where it is not of the present one. Raises VideoError, OSError."""
        file, frame = self._file, drawn.frame
        if frame is None:
            if file is not None and file.session is drawn.session:
                self._finish()
            return
        file = self._file_for(drawn, frame)
        if file is None:
            return
        if self._clock() >= self._space_due:
            self._check_space()
        seconds = frame.captured - file.began_at
        if seconds > file.seconds:  # where the camera comes back, its first picture may be older than the last idle one
            file.seconds, file.frames = seconds, file.frames + 1
            fitted = fit_frame(frame, *file.kind)
            file.recording.write(AvatarFrame(fitted.rgb, seconds, fitted.alpha))

    def _file_for(self, drawn: _Drawn, frame: AvatarFrame) -> _OpenFile | None:
        """The file that a frame belongs to, which it may begin; None of a session that waits for one."""
        picture = None if drawn.avatar is None else drawn.avatar.picture
        kind = (frame.rgb.shape[1], frame.rgb.shape[0], frame.alpha is not None)
        file = self._file
        if file is not None and file.session is drawn.session:
            if file.kind == kind and file.picture is picture:
                return file
            if self._changes.wait_s() > 0:
                self._tell_late(file)
                return file
            self._changes.take()
        elif self._sessions.wait_s() > 0:
            self._finish()
            self._tell_early(drawn.session)
            return None
        else:
            self._sessions.take()
        self._finish()
        return self._open(drawn.session, picture, kind, frame)

    def _tell_late(self, file: _OpenFile) -> None:
        if not file.is_late:
            file.is_late = True
            self._tell(
                f"{file.path.name} goes on with another picture, size or background fitted into it, since these change "
                f"more than once in {1 / CHANGES.per_s:.0f} s"
            )

    def _tell_early(self, session: EngineSession) -> None:
        if self._early is not session:
            self._early = session
            self._tell(
                "the newest session is not recorded yet, since sessions begin more than once in "
                f"{1 / SESSIONS.per_s:.0f} s"
            )

    def _open(
        self, session: EngineSession, picture: Picture | None, kind: tuple[int, int, bool], frame: AvatarFrame
    ) -> _OpenFile:
        self._check_space()
        name = "" if picture is None else picture.name
        path = free_path(self._folder, self._now(), name, live_suffix(kind[2]))
        began_at = frame.captured
        sound = LiveSound(lambda count, seconds: self._line.pull(count, began_at + seconds, session.sound.lag_s))
        recording = self._open_file(path, self._rate, kind[2], sound)
        self._file = _OpenFile(path, recording, session, picture, kind, began_at, self.left_out)
        session.is_recorded = True
        return self._file

    def _check_space(self) -> None:
        """Complete the file and raise VideoError where too little is free. Raises OSError."""
        self._space_due = self._clock() + SPACE_PERIOD_S
        problem = space_problem(self._folder, self._free(self._folder))
        if problem is not None:
            self._finish()
            raise VideoError(problem)

    def _finish(self) -> None:
        """Complete the present file, if there is one. Raises VideoError."""
        file = self._file
        if file is None:
            return
        file.recording.finish()
        self._forget()
        left_out = self.left_out - file.left_out
        late = f"; {left_out} of {file.frames + left_out} frames left out, since the processor was busy"
        self._tell(f"recorded {file.path.name}, {file.seconds:.0f} s{late if left_out else ''}")

    def _abandon(self) -> None:
        """End the present file as far as it is."""
        if self._file is not None:
            self._file.recording.abandon()
            self._forget()

    def _forget(self) -> None:
        if self._file is not None:
            self._file.session.is_recorded = False
            self._file = None
