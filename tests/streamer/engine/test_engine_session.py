"""A session in the engine, with fakes for tracking and drawing: its start, its output, what its frames may cost."""

from __future__ import annotations

import threading

import pytest

from streamer.effort import FULL
from streamer.engine import engine_session, governor
from streamer.generation.controls import Controls
from streamer.runtime.meter import RECEIVED, TOTAL
from streamer.tracking.tracker import TrackedMotion
from tests.support.engines import TIMEOUT_S, admit, received, running, take, until
from tests.support.fakes import FakeAvatar, FakePipeline, FakeTracker


def test_delay_of_a_session_that_nobody_watches_ends_when_its_frame_is_drawn() -> None:
    with running() as engine:
        session, _ = admit(engine)
        take(session.new_output())
        assert not session.meter.samples().get(TOTAL)  # the connection would measure it
        session.new_output().close()
        until(lambda: bool(session.meter.samples().get(TOTAL)), "a delay")


def test_session_of_a_slow_engine_gives_up_some_effort_and_tells_its_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SETTLE_S", "MISSED_S"):
        monkeypatch.setattr(governor, name, 0.3)
    monkeypatch.setattr(engine_session, "GOVERN_PERIOD_S", 0.05)
    trackers = [FakeTracker()]
    with running(FakePipeline(size=32, delay=0.15), tracker=lambda: trackers[0], governed=True) as engine:
        session, _ = admit(engine)

        def is_less() -> bool:
            session.camera.put(received())
            session.meter.tick(RECEIVED)
            return session.effort.body_share < FULL.body_share

        until(is_less, "a step of the governor")
        until(lambda: is_less() and trackers[0].wanted.body_share < FULL.body_share, "the tracker's share")
        until(lambda: is_less() and session.stream is not None and session.stream.effort != FULL, "the frames' effort")


def test_session_tracks_nothing_before_its_start() -> None:
    made: list[FakeTracker] = []
    with running(tracker=lambda: made.append(FakeTracker()) or made[-1]) as engine:  # type: ignore[func-returns-value]
        session = engine.admit(FakeAvatar(32, 32), Controls(), lambda failure: None)
        session.camera.put(received(80))
        assert not session.has_tracker and engine.session_count == 1
        engine.leave(session)
        session.start()  # too late
        session.join()
        assert not made and not session.has_tracker


def test_session_tells_once_another_avatar_is_drawn_and_at_its_end_where_none_is() -> None:
    green = FakeAvatar(32, 32, (9, 99, 9))
    with running() as engine:
        early = engine.admit(FakeAvatar(32, 32), Controls(), lambda failure: None)
        assert early.wear(green).done(), "nothing is drawn before the start"
        session, _ = admit(engine)
        take(session.new_output())
        session.wear(green).result(TIMEOUT_S)
        assert session.stream is not None and session.stream.avatar is green
        never = FakeAvatar(32, 32)
        first = session.wear(never)
        session.wear(green)
        assert first.done(), "another one came before"
        engine.leave(session)
        assert session.wear(never).done(), "it has ended"


def test_who_waits_for_another_avatar_is_released_when_the_session_ends() -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Blocked(FakeTracker):
        def idle(self, now: float) -> TrackedMotion:
            entered.set()
            assert go_on.wait(TIMEOUT_S)
            return super().idle(now)

    with running(tracker=Blocked) as engine:
        session, _ = admit(engine)
        assert entered.wait(TIMEOUT_S)  # so that no motion comes, and nothing is drawn
        coming = session.wear(FakeAvatar(32, 32))
        assert not coming.done()
        engine.leave(session)
        coming.result(TIMEOUT_S)
        go_on.set()
