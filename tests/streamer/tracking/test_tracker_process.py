"""A tracker elsewhere does what one here does, and its end is noticed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import psutil
import torch
from av import VideoFrame

from streamer.camera import ReceivedFrame
from streamer.engine.engine import Engine
from streamer.errors import KagamiError, SessionError
from streamer.frames import CameraFrame
from streamer.generation.controls import Controls
from streamer.runtime.memory import family, resident
from streamer.tracking.tracker_process import TrackerProcess, prepare
from tests.support.fakes import FakeAvatar, FakePipeline, FakeTracker


class Elsewhere(FakeTracker):
    """Tells in which process it is, as the time of its motion, and leaves that process when it sees black."""

    def track(self, frame: CameraFrame):  # type: ignore[no-untyped-def]
        if not frame.rgb.any():
            os._exit(3)
        return super().track(CameraFrame(frame.rgb, float(os.getpid()), frame.index))


class Computing(FakeTracker):
    """Multiplies matrices in torch that are large enough for a pool of threads; tells how many there were."""

    def track(self, frame: CameraFrame):  # type: ignore[no-untyped-def]
        torch.ones(1500, 1500) @ torch.ones(1500, 1500)
        torch.rand(1 << 20).sort()
        return super().track(CameraFrame(frame.rgb, float(torch.get_num_threads()), frame.index))


@contextmanager
def following(**options: float) -> Iterator[TrackerProcess]:
    tracker = TrackerProcess(partial(Elsewhere, **options))
    try:
        yield tracker
    finally:
        tracker.close()


def picture(grey: int = 128) -> CameraFrame:
    return CameraFrame(np.full((480, 640, 3), grey, np.uint8), 1.0, 0)


def test_it_follows_idles_and_calibrates_in_another_process() -> None:
    here = FakeTracker()
    with following() as there:
        seen = there.track(picture(64))
        assert seen.motion.captured not in (1.0, float(os.getpid()))
        assert np.array_equal(seen.motion.hands, here.track(picture(64)).motion.hands)
        assert there.idle(2.0).motion.captured == 2.0
        there.calibrate()


def test_torch_computes_there_without_threads_that_a_fork_does_not_have() -> None:
    prepare()
    there = TrackerProcess(Computing)
    try:
        assert there.track(picture()).motion.captured == 1.0
    finally:
        there.close()


def test_closing_ends_the_process_and_may_be_repeated() -> None:
    with following() as there:
        process = psutil.Process(int(there.track(picture()).motion.captured))
    there.close()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_memory_counts_it() -> None:
    with following() as there:
        process = int(there.track(picture()).motion.captured)
        assert process in [one.pid for one in family()]
        assert resident(family()) > resident([psutil.Process()]) + (1 << 20)


def test_when_its_process_dies_the_session_ends_with_a_sentence() -> None:
    told: list[KagamiError] = []
    engine = Engine(FakePipeline(size=32), partial(TrackerProcess, Elsewhere), fps=60, max_sessions=2)  # type: ignore[arg-type]
    engine.start()
    try:
        seat = engine.admit(FakeAvatar(), Controls(), told.append)  # type: ignore[arg-type]
        seat.camera.put(ReceivedFrame(VideoFrame.from_ndarray(picture(0).rgb, format="rgb24"), 0.0))
        seat.join(20)
        assert [type(error) for error in told] == [SessionError]
    finally:
        engine.close()
