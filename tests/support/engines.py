"""An engine with fakes for tracking and drawing, and what its tests send to it and take from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from av import VideoFrame

from streamer.camera import ReceivedFrame
from streamer.engine.engine import Engine
from streamer.engine.engine_session import EngineSession
from streamer.errors import KagamiError
from streamer.frames import AvatarFrame
from streamer.generation.controls import Controls
from streamer.runtime.mailbox import Mailbox
from tests.support.fakes import FakeAvatar, FakePipeline, FakeTracker

TIMEOUT_S = 20.0


def until(true: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S) -> None:
    """Wait until a condition holds; fails after timeout_s. what: for the message."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.005)


def received(brightness: int = 128, size: tuple[int, int] = (64, 48)) -> ReceivedFrame:
    """A camera picture of one brightness, 0..255, that arrives now. size: width, height in pixels."""
    rgb = np.full((size[1], size[0], 3), brightness, np.uint8)
    return ReceivedFrame(VideoFrame.from_ndarray(rgb, format="rgb24"), time.monotonic())


def take(mailbox: Mailbox[AvatarFrame]) -> AvatarFrame:
    """The next frame; fails if none comes within TIMEOUT_S."""
    frame = mailbox.get(TIMEOUT_S)
    assert frame is not None, "no frame came"
    return frame


@contextmanager
def running(
    pipeline: FakePipeline | None = None, tracker: Callable[[], FakeTracker] = FakeTracker, **options: Any
) -> Iterator[Engine]:
    """A running engine, closed twice at the end, after which no thread may be left. options: of `Engine`."""
    before = threading.active_count()
    engine = Engine(pipeline or FakePipeline(size=32), tracker, **{"fps": 60, "max_sessions": 8, **options})
    engine.start()
    try:
        yield engine
    finally:
        engine.close()
        engine.close()
    until(lambda: threading.active_count() <= before, "the end of all threads")


def admit(engine: Engine, colour: tuple[int, int, int] = (200, 100, 50)) -> tuple[EngineSession, list[KagamiError]]:
    """A session that has started, and the list to which its failures are added. colour: of its avatar."""
    failures: list[KagamiError] = []
    session = engine.admit(FakeAvatar(32, 32, colour), Controls(), failures.append)
    session.start()
    return session, failures


def brightness(frame: AvatarFrame) -> float:
    """Mean of the left strip, in which `FakePipeline` draws the brightness of the motion, 0..255."""
    return float(frame.rgb[:, :16].mean())
