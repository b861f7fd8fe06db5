"""Runs a tracker in its own process, so that trackers and engine do not compete for one interpreter's lock, and goes on
without it while it does not answer.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from streamer.errors import SessionError
from streamer.frames import CameraFrame
from streamer.runtime.library_threads import limit_opencv
from streamer.runtime.native_logs import filter_native_logs
from streamer.runtime.priority import raise_process_priority, take_own_share
from streamer.runtime.worker_process import WorkerProcess
from streamer.tracking.motion import Motion
from streamer.tracking.presence import NEUTRAL, Presence
from streamer.tracking.tracker import Handover, TrackedMotion, Tracker, Wanted

ANSWER_TIMEOUT_S = 1.0  # for a call to be answered, before the avatar idles meanwhile
STILL_TIMEOUT_S = 0.8  # without processor time in an unanswered call, before the process is killed and replaced
IDLE_PERIOD_S = 0.04  # between two idle motions while a call is late, or nobody waits for them
SOON_TIMEOUT_S = 0.1  # for an idle motion that nobody waits for, before the avatar idles meanwhile
HANG_TIMEOUT_S = 10.0  # for a call to be answered by a process that computes, before it is killed and replaced
# The same for the first call of a process, which waits for models, and for imports where it is not forked.
START_TIMEOUT_S = 60.0 if sys.platform == "linux" else 180.0
STILL_START_TIMEOUT_S = 5.0  # as STILL_TIMEOUT_S for that call, which also waits for the disk
EXIT_TIMEOUT_S = 1.0  # for a process to end by itself, before it is terminated
MAX_REPLACEMENTS = 3  # within REPLACEMENT_WINDOW_S; one more ends the session
REPLACEMENT_WINDOW_S = 60.0
_log = logging.getLogger(__name__)


class TrackerProcess:
    """A `Tracker` whose work is done in another process. make: makes the tracker there; picklable.

    A call returns within ANSWER_TIMEOUT_S, and does not hold the interpreter's lock meanwhile. While the process does
    not answer, the avatar idles and `TrackedMotion.responding` is False. A process that has ended, also by an exception
    in its tracker, that stands still for STILL_TIMEOUT_S, or does not answer for HANG_TIMEOUT_S, is replaced; the next
    one is handed the neutrals and who is followed, so that nothing is calibrated anew, and begins a requested
    calibration again that did not end. More than MAX_REPLACEMENTS within REPLACEMENT_WINDOW_S, and a process that does
    not answer its first call within START_TIMEOUT_S, raise SessionError.
    """

    def __init__(self, make: Callable[[], Tracker]) -> None:
        self._make = make
        self._wanted = Wanted()
        self._to_look_for = self._to_adopt = False  # whether the process has yet to be told
        self._handover: Handover | None = None  # what it is to adopt, where that is not the last motion's
        self._worker = self._start()
        self._has_answered = False  # whether a first answer of this process has come
        self._pending: Future[TrackedMotion] | None = None
        self._asked = ""  # the method that was called last
        self._asked_at = -math.inf  # seconds on the pictures' clock, for the newest answer
        self._replaced_at: deque[float] = deque(maxlen=MAX_REPLACEMENTS)  # seconds on time.monotonic
        self._late = False  # whether the pending call has exceeded ANSWER_TIMEOUT_S
        self._calibrate = False  # whether a calibration is requested, of which no answer tells yet
        self._told_to_calibrate = False  # whether the process knows
        self._last: TrackedMotion | None = None
        self._presences: list[Presence] = []  # of each character, fill the times without an answer; none before that

    def track(self, frame: CameraFrame) -> TrackedMotion:
        """See `Tracker`. The picture is sent through a pipe and stored nowhere; it is dropped while a call is late."""
        return self._call(frame.captured, "track", frame)

    def idle(self, now: float) -> TrackedMotion:
        """See `Tracker`."""
        return self._call(now, "idle", now)

    def idle_soon(self, now: float) -> TrackedMotion | None:
        """See `Tracker`. Asks once in IDLE_PERIOD_S at most; after SOON_TIMEOUT_S the avatar idles meanwhile."""
        answer = None
        if self._pending is not None and self._worker.look(self._pending):
            tracked = self._answer(0.0)
            if tracked is not None and self._asked == "idle":  # the answer to a picture that came late is dropped
                answer = self._eased(tracked, now)
        elif self._pending is not None:
            age_s = now - self._asked_at
            self._late = self._late or age_s > ANSWER_TIMEOUT_S
            if self._late:
                self._check_silence()
            if age_s > SOON_TIMEOUT_S:
                idle = self._idle_meanwhile(now)
                answer = idle if self._late else replace(idle, responding=True)
        if self._pending is None and now - self._asked_at >= IDLE_PERIOD_S:
            self._ask(now, "idle", now)
        return answer

    def look_for(self, wanted: Wanted) -> None:
        """See `Tracker`."""
        self._wanted, self._to_look_for = wanted, True

    def calibrate(self) -> None:
        """See `Tracker`. Takes effect with the next picture."""
        self._calibrate = True

    def adopt(self, handover: Handover) -> None:
        """See `Tracker`. Takes effect with the next call, after `look_for`."""
        self._handover = handover

    def close(self) -> None:
        """End the process within EXIT_TIMEOUT_S + 2 KILL_TIMEOUT_S, and at once if it is late; may be called again."""
        if self._late:
            self._worker.kill()
        self._worker.close(EXIT_TIMEOUT_S)

    def _start(self) -> WorkerProcess:
        return WorkerProcess(partial(_make_in_process, self._make), "tracker")

    def _call(self, now: float, name: str, argument: Any) -> TrackedMotion:
        """The answer of the tracker's method, or an idle motion if it is late. now: seconds on the pictures' clock."""
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        if self._pending is not None and self._answer(ANSWER_TIMEOUT_S) is None:
            self._check_silence()  # not in the call that became late: it may have been the last before the end
            return self._idle_meanwhile(now)
        self._ask(now, name, argument)
        tracked = self._answer(max(0.0, deadline - time.monotonic()))
        return self._idle_meanwhile(now) if tracked is None else self._eased(tracked, now)

    def _ask(self, now: float, name: str, argument: Any) -> None:
        """Call the tracker's method, after sending the settings that it has not received yet; the answer is pending."""
        if self._to_look_for:
            self._to_look_for = False
            self._worker.submit("look_for", self._wanted)
        if self._to_adopt and self._last is not None:
            self._to_adopt, self._handover = False, self._last.handover
        if self._handover is not None:
            self._worker.submit("adopt", self._handover)
            self._handover = None
        if self._calibrate and not self._told_to_calibrate:
            self._told_to_calibrate = True
            self._worker.submit("calibrate")
        self._pending, self._asked, self._asked_at = self._worker.submit(name, argument), name, now

    def _eased(self, tracked: TrackedMotion, now: float) -> TrackedMotion:
        """The answer's motions, eased in from the idle motions."""
        if not self._presences:
            return tracked
        (motion, _), *others = self._idled(tracked, now)  # eases in from the idle motion
        return replace(tracked, motion=motion, others=tuple(others))

    def _answer(self, timeout_s: float) -> TrackedMotion | None:
        """The answer to the pending call, which then is pending no more; None if it is late, or its process ended.

        timeout_s: for which it is waited for, and IDLE_PERIOD_S at most while it is late and the avatar idles.
        """
        assert self._pending is not None
        idles = self._late and self._last is not None  # the avatar then moves on
        self._late = True
        if not self._worker.wait(self._pending, min(timeout_s, IDLE_PERIOD_S) if idles else timeout_s):
            return None
        try:
            tracked = self._pending.result()
        except (EOFError, OSError):
            self._replace("ended")
            return None
        self._pending, self._late, self._last = None, False, tracked
        if self._told_to_calibrate:
            self._calibrate = self._told_to_calibrate = False
        if not self._has_answered:
            self._has_answered = True
            if not tracked.handover.is_calibrated:
                self._presences = []  # the new process idles by itself, until calibrated
        return tracked

    def _replace(self, reason: str) -> None:
        """Kill the process and start another. Raises SessionError if that was done too often."""
        now = time.monotonic()
        if len(self._replaced_at) == MAX_REPLACEMENTS and now - self._replaced_at[0] < REPLACEMENT_WINDOW_S:
            raise SessionError("Tracking on the server broke off again and again, and this session was closed with it.")
        self._replaced_at.append(now)
        _log.warning("a tracker's process %s and is replaced", reason)
        self._worker.kill()
        self._worker.close(0.0)
        self._worker, self._has_answered, self._pending = self._start(), False, None
        self._late = self._to_look_for = self._to_adopt = True
        self._told_to_calibrate = False

    def _check_silence(self) -> None:
        """Replace a process that has been silent for too long. Raises SessionError if it never answered."""
        silent = self._worker.silent_s
        if self._worker.still_s > (STILL_TIMEOUT_S if self._has_answered else STILL_START_TIMEOUT_S):
            self._replace("stands still")
        elif self._has_answered and silent > HANG_TIMEOUT_S:
            self._replace(f"has not answered for {silent:.0f} s")
        elif not self._has_answered and silent > START_TIMEOUT_S:
            raise SessionError("The tracking of this session does not start and it was closed: start it again.")

    def _idle_meanwhile(self, now: float) -> TrackedMotion:
        """An idle motion in place of a late answer."""
        last = self._last
        if last is None:
            self._presences = self._presences or [Presence(habits=self._wanted.idle)]
            idle = self._presences[0].resolve(Motion(now), None, now)
            return TrackedMotion(idle, NEUTRAL, "waiting", 0.0, is_seen=False)
        if not self._presences:
            self._idled(last, now)  # the idle motion eases out of the last one
        lost = replace(last, motion=Motion(now), others=tuple((Motion(now), neutral) for _, neutral in last.others))
        (shown, _), *others = self._idled(lost, now)
        return replace(lost, motion=shown, others=tuple(others), phase="stalled", responding=False, is_seen=False)

    def _idled(self, tracked: TrackedMotion, now: float) -> list[tuple[Motion, Motion]]:
        """What to draw of each character, and its neutral, eased from and to what was drawn of it before."""
        drivers = ((tracked.motion, tracked.neutral), *tracked.others)
        self._presences += [Presence(seed) for seed in range(len(self._presences), len(drivers))]
        self._presences[0].habits = self._wanted.idle
        return [
            (presence.resolve(motion, neutral, now), neutral)
            for presence, (motion, neutral) in zip(self._presences, drivers, strict=False)
        ]


def _make_in_process(make: Callable[[], Tracker]) -> Tracker:
    """Make the tracker, in its process."""
    take_own_share()
    raise_process_priority()
    filter_native_logs()
    limit_opencv()
    torch.set_num_threads(1)  # a fork lacks the threads of its parent's pool, and would wait for them for ever
    return make()
