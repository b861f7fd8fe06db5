"""Trackers in other processes, which say in which."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

import numpy as np
import psutil
import pytest

from streamer.frames import CameraFrame
from streamer.tracking import tracker_process as tracker_process_module
from streamer.tracking.tracker_process import TrackerProcess
from tests.support.fakes import FakeTracker

needs_sigstop = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no signal stops a process here")


def have_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no hanging tracker."""
    monkeypatch.setattr(tracker_process_module, "ANSWER_TIMEOUT_S", 30.0)
    monkeypatch.setattr(tracker_process_module, "STILL_TIMEOUT_S", 30.0)
    monkeypatch.setattr(tracker_process_module, "START_TIMEOUT_S", 150.0)


class ProcessIdTracker(FakeTracker):
    """Returns its process id as the time of its motion, and ends its process on a black picture."""

    def track(self, frame: CameraFrame):  # type: ignore[no-untyped-def]
        if not frame.rgb.any():
            os._exit(3)
        tracked = super().track(CameraFrame(frame.rgb, float(os.getpid()), frame.index))
        return replace(tracked, progress=float(self.shown.limbs))


@contextmanager
def tracker_process(**options: float) -> Iterator[TrackerProcess]:
    tracker = TrackerProcess(partial(ProcessIdTracker, **options))
    try:
        yield tracker
    finally:
        tracker.close()


def picture(grey: int = 128) -> CameraFrame:
    return CameraFrame(np.full((480, 640, 3), grey, np.uint8), 1.0, 0)


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@contextmanager
def stopped(remote: TrackerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[psutil.Process]:
    """Within this block the tracker's process is stopped and time-outs are short; after it the process is killed."""
    process = psutil.Process(int(remote.track(picture()).motion.captured))
    os.kill(process.pid, signal.SIGSTOP)
    for name, seconds in {"ANSWER_TIMEOUT_S": 0.5, "HANG_TIMEOUT_S": 2.0, "EXIT_TIMEOUT_S": 0.5}.items():
        monkeypatch.setattr(tracker_process_module, name, seconds)
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def in_time(function: Callable[[], object]) -> None:
    """Call a function that may never return, in a thread; asserts that it does."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "still waiting for a process that is stopped"
