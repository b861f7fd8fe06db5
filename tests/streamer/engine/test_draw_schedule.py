"""The forecast of the next draw, and tracking that waits for it."""

from __future__ import annotations

import threading

import pytest

from streamer.engine import draw_schedule
from streamer.engine.draw_schedule import RECENT, DrawSchedule, RecentDurations
from tests.support.engines import TIMEOUT_S, admit, received, running, take, until
from tests.support.fakes import FakePipeline, FakeTracker


class Clock:
    """A clock that stands still. now: seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def draw(schedule: DrawSchedule, clock: Clock, seconds: float) -> None:
    with schedule.drawing(not_before=clock.now):
        clock.now += seconds


def test_recent_durations_forget_old_ones() -> None:
    durations = RecentDurations()
    assert durations.quantile(0.5) == 0
    for seconds in (9.0, *[1.0] * RECENT):
        durations.add(seconds)
    assert durations.quantile(1.0) == 1


def test_next_draw_follows_the_present_one_and_the_pace() -> None:
    clock = Clock()
    schedule = DrawSchedule(clock)
    for seconds in (0.1, 0.3, 0.2):
        draw(schedule, clock, seconds)
    assert schedule.next_draw() <= clock.now  # the engine waits for a motion
    with schedule.drawing(not_before=clock.now + 0.05):
        assert schedule.next_draw() == pytest.approx(clock.now + 0.2)
    with schedule.drawing(not_before=clock.now + 0.5):
        assert schedule.next_draw() == pytest.approx(clock.now + 0.5)


@pytest.mark.parametrize("seconds, is_quick", [(0.008, True), (0.025, False)])
def test_schedule_tells_whether_each_step_of_a_voice_could_be_drawn(seconds: float, is_quick: bool) -> None:
    clock = Clock()
    schedule = DrawSchedule(clock)
    for _ in range(5):
        draw(schedule, clock, seconds)
    draw(schedule, clock, 0.1)  # once
    assert schedule.is_quick is is_quick


def test_wait_returns_when_tracking_would_end_with_the_draw() -> None:
    clock = Clock()
    schedule = DrawSchedule(clock)
    draw(schedule, clock, 0.2)
    with schedule.drawing(not_before=clock.now):
        clock.now += 0.15
        schedule.wait_for_turn(lambda: True, lead_s=0.06)  # would not return with a clock that stands still
        waiting = threading.Thread(target=schedule.wait_for_turn, args=(lambda: True, 0.01))
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
        clock.now += 0.05
        schedule.wake()
        waiting.join(TIMEOUT_S)
        assert not waiting.is_alive()


def test_wait_returns_when_the_last_motion_is_taken() -> None:
    clock, taken = Clock(), threading.Event()
    schedule = DrawSchedule(clock)
    waiting = threading.Thread(target=schedule.wait_for_turn, args=(taken.is_set, 0.0))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    taken.set()
    draw(schedule, clock, 0.0)
    waiting.join(TIMEOUT_S)
    assert not waiting.is_alive()


def test_what_is_tracked_is_drawn() -> None:
    trackers = [FakeTracker()]
    with running(FakePipeline(size=32, delay=0.03), tracker=lambda: trackers[0], fps=200) as engine:
        session, _ = admit(engine)
        out, ended = session.new_output(), threading.Event()

        def film() -> None:
            while not ended.wait(0.004):
                session.camera.put(received())

        camera = threading.Thread(target=film)
        camera.start()
        for _ in range(30):
            take(out)
        ended.set()
        camera.join()
        assert session.drops["motion"] == 0 and session.drops["camera"] > 30
        assert trackers[0].tracked <= engine.drawn + 2  # one in the mailbox, one being drawn


def test_engine_that_draws_nothing_does_not_stop_tracking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw_schedule, "TURN_TIMEOUT_S", 0.05)
    trackers = [FakeTracker()]
    with running(FakePipeline(size=32, delay=0.5), tracker=lambda: trackers[0]) as engine:
        session, _ = admit(engine)
        until(lambda: bool(engine.pipeline.batches), "a draw")  # type: ignore[attr-defined]
        session.camera.put(received())
        until(lambda: trackers[0].tracked == 1, "a tracked picture")
        session.camera.put(received())
        until(lambda: trackers[0].tracked == 2, "another one, which the draw has not waited for")
