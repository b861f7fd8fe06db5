"""A tracker in another process gives the same results, idles meanwhile and keeps nobody waiting."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

from streamer.frames import CameraFrame
from streamer.runtime.memory import process_tree, resident_bytes
from streamer.tracking import tracker_process as tracker_process_module
from streamer.tracking.shown_body import ShownBody
from streamer.tracking.tracker import TrackedMotion, Wanted
from streamer.tracking.tracker_process import TrackerProcess
from tests.support.fakes import FakeTracker
from tests.support.tracker_processes import (
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


class TorchTracker(FakeTracker):
    """Computes in torch what is large enough for a thread pool, and returns the number of threads as the time."""

    def track(self, frame: CameraFrame):  # type: ignore[no-untyped-def]
        torch.ones(1500, 1500) @ torch.ones(1500, 1500)
        torch.rand(1 << 20).sort()
        return super().track(CameraFrame(frame.rgb, float(torch.get_num_threads()), frame.index))


def test_tracker_process_tracks_idles_and_calibrates_in_another_process() -> None:
    local = FakeTracker()
    with tracker_process() as remote:
        tracked = remote.track(picture(64))
        assert tracked.motion.captured not in (1.0, float(os.getpid()))
        assert np.array_equal(tracked.motion.hands, local.track(picture(64)).motion.hands)
        assert remote.idle(2.0).motion.captured == 2.0
        remote.calibrate()


def test_an_idle_motion_that_nobody_waits_for_comes_with_a_later_call_and_disturbs_no_picture() -> None:
    with tracker_process() as remote:
        remote.track(picture())
        assert remote.idle_soon(1.1) is None and remote._pending is not None
        remote._pending.result(30.0)
        answer = remote.idle_soon(1.12)
        assert answer is not None and answer.motion.captured == 1.1
        assert remote._pending is None, "it is too early to ask again"
        assert remote.idle_soon(1.16) is None and remote._pending is not None
        assert remote.track(picture()).phase == "live"


@needs_sigstop
def test_an_idle_motion_that_nobody_waits_for_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    with tracker_process() as remote, stopped(remote, monkeypatch):
        answers: list[TrackedMotion | None] = []
        in_time(lambda: answers.extend(remote.idle_soon(2.0 + 0.09 * number) for number in range(5)))
        assert answers[:2] == [None] * 2
        assert [each is not None and each.responding for each in answers[2:]] == [True] * 3  # the avatar idles itself


@needs_sigstop
def test_a_process_that_hangs_is_replaced_though_nobody_waits_for_its_idle_motions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tracker_process() as remote, stopped(remote, monkeypatch) as process:
        monkeypatch.setattr(tracker_process_module, "STILL_TIMEOUT_S", 0.4)
        answers: list[TrackedMotion | None] = []

        def idle_on() -> None:
            while not ended(process):
                answers.append(remote.idle_soon(time.monotonic()))

        in_time(idle_on)
        assert answers[-1] is not None and not answers[-1].responding


def test_the_late_answer_to_a_picture_is_no_idle_motion() -> None:
    with tracker_process() as remote:
        remote.track(picture())
        remote._ask(1.0, "track", picture())
        assert remote._pending is not None
        remote._pending.result(30.0)
        assert remote.idle_soon(1.1) is None and remote._pending is not None
        remote._pending.result(30.0)
        answer = remote.idle_soon(1.12)
        assert answer is not None and answer.motion.captured == 1.1


def test_an_earlier_and_a_new_call_share_the_time_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with tracker_process() as remote:
        remote.track(picture())
        remote.idle_soon(1.1)
        now, patience = [0.0], []
        worker, wait = remote._worker, remote._worker.wait

        def slowly(call: Future[TrackedMotion], timeout_s: float) -> bool:
            patience.append(timeout_s)
            now[0] += 20.0
            return wait(call, 30.0)

        monkeypatch.setattr(worker, "wait", slowly)
        monkeypatch.setattr(tracker_process_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
        assert remote.track(picture()).phase == "live"
        assert patience == [30.0, 10.0]


def test_what_the_picture_shows_reaches_the_other_process() -> None:
    with tracker_process() as remote:
        assert remote.track(picture(64)).progress == 1.0
        remote.look_for(Wanted((ShownBody(limbs=False, hands=False),)))
        assert remote.track(picture(64)).progress == 0.0


def test_tracker_process_computes_in_torch_with_one_thread() -> None:
    remote = TrackerProcess(TorchTracker)
    try:
        assert remote.track(picture()).motion.captured == 1.0
    finally:
        remote.close()


def test_close_ends_the_process_and_may_be_repeated() -> None:
    with tracker_process() as remote:
        process = psutil.Process(int(remote.track(picture()).motion.captured))
    remote.close()
    assert ended(process)


def test_memory_counts_the_tracker_process() -> None:
    with tracker_process() as remote:
        process = int(remote.track(picture()).motion.captured)
        assert process in [one.pid for one in process_tree()]
        assert resident_bytes(process_tree()) > resident_bytes([psutil.Process()]) + (1 << 20)
