"""A follower elsewhere does what one here does, and its end is noticed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import psutil
import torch
from av import VideoFrame

from streamer.engine.engine import Engine
from streamer.errors import KagamiError, SessionError
from streamer.frames import CameraFrame
from streamer.generation.pipeline import Controls
from streamer.runtime.memory import family, resident
from streamer.tracking.tracker_process import FollowerProcess, prepare
from streamer.webrtc.tracks import Arrival
from tests.support.fakes import FakeAvatar, FakeFollower, FakePerformer


class Elsewhere(FakeFollower):
    """Tells in which process it is, as the time of its motion, and leaves that process when it sees black."""

    def follow(self, frame: CameraFrame):  # type: ignore[no-untyped-def]
        if not frame.rgb.any():
            os._exit(3)
        return super().follow(CameraFrame(frame.rgb, float(os.getpid()), frame.index))


class Computing(FakeFollower):
    """Multiplies matrices in torch that are large enough for a pool of threads; tells how many there were."""

    def follow(self, frame: CameraFrame):  # type: ignore[no-untyped-def]
        torch.ones(1500, 1500) @ torch.ones(1500, 1500)
        torch.rand(1 << 20).sort()
        return super().follow(CameraFrame(frame.rgb, float(torch.get_num_threads()), frame.index))


@contextmanager
def following(**options: float) -> Iterator[FollowerProcess]:
    follower = FollowerProcess(partial(Elsewhere, **options))
    try:
        yield follower
    finally:
        follower.close()


def picture(grey: int = 128) -> CameraFrame:
    return CameraFrame(np.full((480, 640, 3), grey, np.uint8), 1.0, 0)


def test_it_follows_idles_and_calibrates_in_another_process() -> None:
    here = FakeFollower()
    with following() as there:
        seen = there.follow(picture(64))
        assert seen.motion.captured not in (1.0, float(os.getpid()))
        assert np.array_equal(seen.motion.hands, here.follow(picture(64)).motion.hands)
        assert there.idle(2.0).motion.captured == 2.0
        there.calibrate()


def test_torch_computes_there_without_threads_that_a_fork_does_not_have() -> None:
    prepare()
    there = FollowerProcess(Computing)
    try:
        assert there.follow(picture()).motion.captured == 1.0
    finally:
        there.close()


def test_closing_ends_the_process_and_may_be_repeated() -> None:
    with following() as there:
        process = psutil.Process(int(there.follow(picture()).motion.captured))
    there.close()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_memory_counts_it() -> None:
    with following() as there:
        process = int(there.follow(picture()).motion.captured)
        assert process in [one.pid for one in family()]
        assert resident(family()) > resident([psutil.Process()]) + (1 << 20)


def test_when_its_process_dies_the_session_ends_with_a_sentence() -> None:
    told: list[KagamiError] = []
    engine = Engine(FakePerformer(size=32), partial(FollowerProcess, Elsewhere), fps=60, max_sessions=2)  # type: ignore[arg-type]
    engine.start()
    try:
        seat = engine.admit(FakeAvatar(), Controls(), told.append)  # type: ignore[arg-type]
        seat.camera.put(Arrival(VideoFrame.from_ndarray(picture(0).rgb, format="rgb24"), 0.0))
        seat.join(20)
        assert [type(error) for error in told] == [SessionError]
    finally:
        engine.close()
