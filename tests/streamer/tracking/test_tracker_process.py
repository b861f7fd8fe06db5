"""A tracker in another process gives the same results, and its end is noticed."""

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
from streamer.runtime.memory import process_tree, resident_bytes
from streamer.tracking.tracker_process import TrackerProcess, prepare
from tests.support.fakes import FakeAvatar, FakePipeline, FakeTracker


class ProcessIdTracker(FakeTracker):
    """Returns its process id as the time of its motion, and ends its process on a black picture."""

    def track(self, frame: CameraFrame):  # type: ignore[no-untyped-def]
        if not frame.rgb.any():
            os._exit(3)
        return super().track(CameraFrame(frame.rgb, float(os.getpid()), frame.index))


class TorchTracker(FakeTracker):
    """Computes in torch what is large enough for a thread pool, and returns the number of threads as the time."""

    def track(self, frame: CameraFrame):  # type: ignore[no-untyped-def]
        torch.ones(1500, 1500) @ torch.ones(1500, 1500)
        torch.rand(1 << 20).sort()
        return super().track(CameraFrame(frame.rgb, float(torch.get_num_threads()), frame.index))


@contextmanager
def tracker_process(**options: float) -> Iterator[TrackerProcess]:
    tracker = TrackerProcess(partial(ProcessIdTracker, **options))
    try:
        yield tracker
    finally:
        tracker.close()


def picture(grey: int = 128) -> CameraFrame:
    return CameraFrame(np.full((480, 640, 3), grey, np.uint8), 1.0, 0)


def test_tracker_process_tracks_idles_and_calibrates_in_another_process() -> None:
    local = FakeTracker()
    with tracker_process() as remote:
        tracked = remote.track(picture(64))
        assert tracked.motion.captured not in (1.0, float(os.getpid()))
        assert np.array_equal(tracked.motion.hands, local.track(picture(64)).motion.hands)
        assert remote.idle(2.0).motion.captured == 2.0
        remote.calibrate()


def test_tracker_process_computes_in_torch_with_one_thread() -> None:
    prepare()
    remote = TrackerProcess(TorchTracker)
    try:
        assert remote.track(picture()).motion.captured == 1.0
    finally:
        remote.close()


def test_close_ends_the_process_and_may_be_repeated() -> None:
    with tracker_process() as remote:
        process = psutil.Process(int(remote.track(picture()).motion.captured))
    remote.close()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_memory_counts_the_tracker_process() -> None:
    with tracker_process() as remote:
        process = int(remote.track(picture()).motion.captured)
        assert process in [one.pid for one in process_tree()]
        assert resident_bytes(process_tree()) > resident_bytes([psutil.Process()]) + (1 << 20)


def test_session_ends_with_a_sentence_when_its_tracker_process_dies() -> None:
    failures: list[KagamiError] = []
    engine = Engine(FakePipeline(size=32), partial(TrackerProcess, ProcessIdTracker), fps=60, max_sessions=2)  # type: ignore[arg-type]
    engine.start()
    try:
        session = engine.admit(FakeAvatar(), Controls(), failures.append)  # type: ignore[arg-type]
        session.camera.put(ReceivedFrame(VideoFrame.from_ndarray(picture(0).rgb, format="rgb24"), 0.0))
        session.join(20)
        assert [type(error) for error in failures] == [SessionError]
    finally:
        engine.close()
