"""A session of the engine without a connection."""

from __future__ import annotations

import asyncio

from benchmarks.streaming.replay import ReplayTracker
from benchmarks.streaming.replayed_session import ReplayedSession
from streamer.engine.engine import Engine
from streamer.generation.controls import Controls
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.tracker import TrackedMotion
from tests.support.fakes import FakeAvatar, FakePipeline


async def test_session_sends_and_encodes_until_it_is_closed() -> None:
    engine = Engine(FakePipeline(size=64), lambda: ReplayTracker([TrackedMotion(NEUTRAL, NEUTRAL)]))
    engine.start()
    admitted = engine.admit(FakeAvatar(64, 64), Controls(), lambda failure: None)
    admitted.start()
    session = ReplayedSession(admitted, fps=30.0, phase=0.5)
    task = asyncio.create_task(session.run())
    while len(session.encoded) < 5:
        await asyncio.sleep(0.01)
    engine.leave(admitted)
    await task
    assert all(frame.delay_ms >= frame.encode_ms > 0 for frame in session.encoded)
    await asyncio.to_thread(engine.close)
