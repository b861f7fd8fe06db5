"""The thread of an output, and its mailbox."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pytest

from streamer.frames import AvatarFrame
from streamer.runtime.frame_thread import Frames, FrameThread

WAIT_S = 30.0
FRAME = AvatarFrame(np.zeros((1, 1, 3), np.uint8), 0.0)


def test_loop_gets_the_newest_frame_until_it_is_closed() -> None:
    thread, freed = FrameThread("shows", "no"), threading.Event()
    begun, goes_on, shown = threading.Event(), threading.Event(), threading.Semaphore(0)

    def loop(frames: Frames) -> None:
        while True:
            assert frames.get() is FRAME
            begun.set()
            assert goes_on.wait(WAIT_S)
            shown.release()

    thread.send(FRAME)  # nobody is there yet
    thread.open(loop, freed.set)
    assert thread.is_open and not thread.drops
    thread.send(FRAME)
    assert begun.wait(WAIT_S)
    for _ in range(3):
        thread.send(FRAME)
    assert thread.drops == 2
    goes_on.set()
    assert shown.acquire(timeout=WAIT_S) and shown.acquire(timeout=WAIT_S)
    assert not freed.is_set()
    thread.close()
    assert freed.is_set() and not thread.is_open
    thread.close()
    thread.send(FRAME)


def test_loop_that_fails_is_logged_and_ends_alone(caplog: pytest.LogCaptureFixture) -> None:
    thread, freed = FrameThread("shows", "It is broken."), threading.Event()

    def loop(frames: Frames) -> None:
        raise RuntimeError("gone")

    with caplog.at_level(logging.ERROR):
        thread.open(loop, freed.set)
        assert freed.wait(WAIT_S)
        thread.close()
    assert "It is broken." in caplog.text and "gone" in caplog.text
