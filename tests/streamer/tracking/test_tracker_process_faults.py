"""A tracker's process that dies, hangs or never starts is noticed and replaced."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np
import psutil
import pytest
from av import VideoFrame

from streamer.camera import ReceivedFrame
from streamer.engine.engine import Engine
from streamer.errors import KagamiError, SessionError
from streamer.frames import CameraFrame
from streamer.generation.controls import Controls
from streamer.runtime import worker_process as worker_process_module
from streamer.tracking import tracker_process as tracker_process_module
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.shown_body import ShownBody
from streamer.tracking.tracker import DriverState, Handover, TrackedMotion, Wanted
from streamer.tracking.tracker_process import TrackerProcess
from tests.support.fakes import FakeAvatar, FakePipeline, FakeTracker
from tests.support.people import person
from tests.support.tracker_processes import (
    ProcessIdTracker,
    ended,
    have_patience,
    in_time,
    needs_sigstop,
    picture,
    stopped,
    tracker_process,
)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    have_patience(monkeypatch)


def test_tracker_process_that_dies_is_replaced_and_the_avatar_idles_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tracker_process() as remote:
        remote.look_for(Wanted((ShownBody(limbs=False, hands=False),)))
        process = psutil.Process(int(remote.track(picture(64)).motion.captured))
        for end in (process.kill, lambda: remote.track(picture(0))):  # from outside, and an exception in the tracker
            end()
            answers = [remote.track(picture(64))]
            while not answers[-1].responding:
                answers.append(remote.track(picture(64)))
            assert ended(process)
            assert all(tracked.motion.face is not None and tracked.phase == "stalled" for tracked in answers[:-1])
            assert answers[-1].motion.captured != process.pid and answers[-1].progress == 0.0  # was told what is shown
            process = psutil.Process(int(answers[-1].motion.captured))


class CalibratedTracker(ProcessIdTracker):
    """Finds a neutral with its first picture that only this process could have found, unless it is given one."""

    def __init__(self) -> None:
        super().__init__()
        self.neutral = replace(NEUTRAL, face=person(0.0, eyes=(0.9, 0.9)).face, captured=float(os.getpid()))
        self.requested = False

    def adopt(self, handover: Handover) -> None:
        (driver,) = handover.drivers
        assert driver.neutral is not None
        self.neutral, self.requested = driver.neutral, driver.is_calibrated_anew

    def calibrate(self) -> None:
        self.requested = True

    def track(self, frame: CameraFrame) -> TrackedMotion:
        handover = Handover((DriverState(self.neutral, self.requested),))
        return replace(super().track(frame), neutral=self.neutral, handover=handover)


def test_tracker_process_that_replaces_another_goes_on_with_its_neutral() -> None:
    remote = TrackerProcess(CalibratedTracker)
    try:
        first = last = remote.track(picture())
        for _ in range(2):  # the neutral outlives more than one tracker
            psutil.Process(int(last.motion.captured)).kill()
            answers = [remote.track(picture())]
            while not answers[-1].responding:
                answers.append(remote.track(picture()))
            last = answers[-1]
            assert last.motion.captured != first.motion.captured
            assert {each.neutral.captured for each in answers} == {first.neutral.captured}
            assert np.array_equal(last.neutral.face, first.neutral.face)
            assert last.phase == "live" and last.progress == 1.0
    finally:
        remote.close()


@needs_sigstop
@pytest.mark.parametrize("knows", [False, True])
def test_tracker_process_that_replaces_another_begins_a_requested_calibration_again(
    monkeypatch: pytest.MonkeyPatch, knows: bool
) -> None:
    """knows: whether the first process has answered since the calibration was requested."""
    remote = TrackerProcess(CalibratedTracker)
    try:
        process = psutil.Process(int(remote.track(picture()).motion.captured))
        process.suspend()
        monkeypatch.setattr(tracker_process_module, "ANSWER_TIMEOUT_S", 0.1)
        if knows:
            process.resume()
        remote.calibrate()
        while remote.track(picture()).responding != knows:
            pass
        process.kill()
        while not (last := remote.track(picture())).responding or last.motion.captured == process.pid:
            pass
        assert last.handover.drivers[0].is_calibrated_anew
    finally:
        remote.close()


def test_tracker_process_that_dies_again_and_again_ends_the_session_with_a_sentence() -> None:
    with tracker_process() as remote:
        assert remote.track(picture(64)).responding
        with pytest.raises(SessionError, match="broke off again and again"):
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                remote.track(picture(0))


def test_session_ends_with_a_sentence_when_its_tracker_process_dies_with_every_picture() -> None:
    failures: list[KagamiError] = []
    engine = Engine(FakePipeline(size=32), partial(TrackerProcess, ProcessIdTracker), fps=60, max_sessions=2)  # type: ignore[arg-type]
    engine.start()
    try:
        session = engine.admit(FakeAvatar(), Controls(), failures.append)  # type: ignore[arg-type]
        session.start()
        deadline = time.monotonic() + 60
        while not failures and time.monotonic() < deadline:
            session.camera.put(ReceivedFrame(VideoFrame.from_ndarray(picture(0).rgb, format="rgb24"), 0.0))
            time.sleep(0.05)
        session.join(20)
        assert [type(error) for error in failures] == [SessionError]
    finally:
        engine.close()


class StoppedTracker(FakeTracker):
    """Stops its own process while it starts."""

    def __init__(self) -> None:
        super().__init__()
        os.kill(os.getpid(), signal.SIGSTOP)


@needs_sigstop
def test_tracker_process_is_not_replaced_because_the_machine_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    with tracker_process() as remote, stopped(remote, monkeypatch) as process:
        monkeypatch.setattr(tracker_process_module, "STILL_TIMEOUT_S", 1.0)
        assert not remote.track(picture()).responding
        slept, now = 600.0, time.monotonic
        monkeypatch.setattr(worker_process_module.time, "monotonic", lambda: now() + slept)
        os.kill(process.pid, signal.SIGCONT)
        answers = [remote.track(picture()) for _ in range(20)]
        assert answers[-1].responding and int(answers[-1].motion.captured) == process.pid


@needs_sigstop
def test_avatar_idles_while_the_tracker_process_hangs_and_goes_on_when_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tracker_process() as remote, stopped(remote, monkeypatch) as process:
        monkeypatch.setattr(tracker_process_module, "HANG_TIMEOUT_S", 60.0)
        hung: list[TrackedMotion] = []
        in_time(lambda: hung.extend(remote.track(picture()) for _ in range(5)))
        assert [(tracked.phase, tracked.responding) for tracked in hung] == [("stalled", False)] * 5
        assert all(tracked.motion.face is not None for tracked in hung)
        os.kill(process.pid, signal.SIGCONT)
        answers = [remote.track(picture()) for _ in range(50)]
        assert answers[-1].responding
        assert answers[-1].phase == "live"


@needs_sigstop
@pytest.mark.parametrize(("still_s", "hang_s"), [(0.4, 600.0), (600.0, 2.0)])
def test_tracker_process_that_stands_still_or_hangs_is_killed_and_replaced(
    monkeypatch: pytest.MonkeyPatch, still_s: float, hang_s: float
) -> None:
    with tracker_process() as remote, stopped(remote, monkeypatch) as process:
        monkeypatch.setattr(tracker_process_module, "STILL_TIMEOUT_S", still_s)
        monkeypatch.setattr(tracker_process_module, "HANG_TIMEOUT_S", hang_s)
        answers: list[TrackedMotion] = []

        def track_on() -> None:
            while not answers or not answers[-1].responding:
                answers.append(remote.track(picture()))

        in_time(track_on)
        assert answers[-1].motion.captured not in (process.pid, os.getpid())
        assert ended(process)


@needs_sigstop
def test_tracker_process_that_never_starts_ends_the_session_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"ANSWER_TIMEOUT_S": 0.5, "START_TIMEOUT_S": 2.0, "EXIT_TIMEOUT_S": 0.5}.items():
        monkeypatch.setattr(tracker_process_module, name, seconds)
    remote = TrackerProcess(StoppedTracker)
    failures: list[str] = []

    def track_on() -> None:
        try:
            while True:
                assert remote.track(picture()).phase == "waiting"
        except SessionError as error:
            failures.append(str(error))

    try:
        in_time(track_on)
        assert failures == ["The tracking of this session does not start and it was closed: start it again."]
    finally:
        in_time(remote.close)


@needs_sigstop
def test_close_kills_a_process_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    with tracker_process() as remote, stopped(remote, monkeypatch) as process:
        in_time(lambda: [remote.track(picture()), remote.close(), remote.close()])
        assert ended(process)


@needs_sigstop
def test_close_kills_a_process_that_hangs_between_two_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    with tracker_process() as remote, stopped(remote, monkeypatch) as process:
        in_time(remote.close)
        assert ended(process)


@needs_sigstop
def test_engine_draws_and_closes_while_a_tracker_process_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    # From the first call on: one that waits as long as the other tests' would still wait when frames of earlier calls
    # have been taken.
    monkeypatch.setattr(tracker_process_module, "ANSWER_TIMEOUT_S", 0.5)
    made: list[TrackerProcess] = []

    def make_tracker() -> TrackerProcess:
        made.append(TrackerProcess(ProcessIdTracker))
        return made[-1]

    engine = Engine(FakePipeline(size=32), make_tracker, fps=60, max_sessions=2)  # type: ignore[arg-type]
    engine.start()
    failures: list[KagamiError] = []
    session = engine.admit(FakeAvatar(), Controls(), failures.append)  # type: ignore[arg-type]
    session.start()
    frames = session.new_output()

    def send_and_take() -> None:
        session.camera.put(ReceivedFrame(VideoFrame.from_ndarray(picture().rgb, format="rgb24"), time.monotonic()))
        assert frames.get(20) is not None, "no frame came"

    while session.state.phase != "live":
        send_and_take()
    started = made[0]._worker._process
    assert started is not None
    process = psutil.Process(started.pid)
    try:
        os.kill(process.pid, signal.SIGSTOP)
        while session.state.responding:
            send_and_take()
        for _ in range(5):
            send_and_take()
        assert session.state.phase == "stalled"
        in_time(engine.close)
        assert ended(process)
        assert not failures
    finally:
        with suppress(psutil.NoSuchProcess):
            process.kill()
        engine.close()
