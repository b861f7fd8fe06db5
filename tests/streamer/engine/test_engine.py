"""The engine with fakes for tracking and drawing: batches, overload, picture swaps, refusals, watchers."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch

from streamer.engine.admission import MIN_DRAWS_PER_SIZE
from streamer.errors import (
    DeviceMemoryError,
    EngineClosedError,
    OverloadError,
    ServerFullError,
    SessionError,
)
from streamer.generation.controls import Controls
from streamer.rigging.picture import Picture
from streamer.runtime.mailbox import MailboxClosed
from tests.support.engines import TIMEOUT_S, admit, brightness, received, running, take, until
from tests.support.fakes import FakeAvatar, FakePipeline, FakeTracker


def test_engine_draws_a_frame_with_the_time_and_stages_of_its_camera_picture() -> None:
    with running() as engine:
        session, failures = admit(engine)
        out = session.new_output()
        sent = received(80)
        session.camera.put(sent)
        while brightness(frame := take(out)) == 0:
            pass  # idle frames from before
        assert brightness(frame) == pytest.approx(80, abs=3)
        assert frame.captured == sent.at
        assert {"decode", "track", "queue age", "draw", "paint"} <= set(session.meter.stages())
        assert not failures


def test_engine_draws_all_sessions_as_one_batch_in_one_thread() -> None:
    pipeline = FakePipeline(delay=0.02, size=32)
    with running(pipeline, fps=30) as engine:
        sessions = [admit(engine, (i, i, i))[0] for i in range(4)]
        outs = [session.new_output() for session in sessions]
        until(lambda: 4 in pipeline.batches, "a batch of all four")
        assert [tuple(take(out).rgb[0, -1]) for out in outs] == [(i, i, i) for i in range(4)]
    assert pipeline.threads == {"engine"}


def test_engine_under_overload_drops_items_and_grows_no_queue() -> None:
    pipeline = FakePipeline(delay=0.15, size=32)
    with running(pipeline, lambda: FakeTracker(delay=0.03)) as engine:
        session, failures = admit(engine)
        out = session.new_output()
        for number in range(150):
            session.camera.put(received(number))
            time.sleep(0.005)
            assert len(session.camera) <= 1 and len(session.motions) <= 1 and len(out) <= 1
        until(lambda: brightness(take(out)) == pytest.approx(149, abs=3), "the last picture")
        drops = session.drops
        assert drops["camera"] > 75 and drops["motion"] == 0 and drops["camera"] + len(pipeline.batches) < 160
        assert not failures


def test_engine_drops_frames_of_an_output_that_is_not_read() -> None:
    with running() as engine:
        session, _ = admit(engine)
        out = session.new_output()
        until(lambda: out.drops > 5, "drops")
        assert len(out) == 1 and session.drops["out"] == out.drops


def test_engine_prepares_and_swaps_a_picture_while_frames_continue() -> None:
    with running(FakePipeline(size=32, prepare_delay=0.4)) as engine:
        session, _ = admit(engine)
        out = session.new_output()
        take(out)
        coming = engine.pictures.prepare(Picture(np.full((8, 8, 4), (9, 99, 199, 255), np.uint8), "new"))
        frames = 0
        while not coming.done():
            assert tuple(take(out).rgb[0, -1]) == (200, 100, 50)
            frames += 1
        assert frames > 5
        session.avatar = coming.result()
        until(lambda: tuple(take(out).rgb[0, -1]) == (9, 99, 199), "the new picture")


def test_engine_refuses_a_session_until_another_leaves() -> None:
    with running(max_sessions=2) as engine:
        first, _ = admit(engine)
        admit(engine)
        with pytest.raises(ServerFullError) as caught:
            admit(engine)
        assert str(caught.value) == (
            "The server is full: 2 people are live already; try again later or start it with a larger --max-sessions."
        )
        engine.leave(first)
        engine.leave(first)
        first.join()
        admit(engine)
        assert engine.session_count == 2


def test_engine_has_no_place_while_the_tracker_of_somebody_who_left_ends() -> None:
    ended = threading.Event()

    class Slow(FakeTracker):
        def close(self) -> None:
            ended.wait(20)

    with running(tracker=Slow, max_sessions=1) as engine:
        first, _ = admit(engine)
        until(lambda: first.motions.puts > 0, "the tracker")
        assert not engine.waits_for_trackers
        engine.leave(first)
        assert engine.session_count == 0 and engine.waits_for_trackers
        with pytest.raises(ServerFullError):
            admit(engine)
        ended.set()
        first.join()
        assert not engine.waits_for_trackers
        admit(engine)


def test_engine_refuses_a_session_when_measured_ticks_are_too_slow() -> None:
    with running(FakePipeline(delay=0.2, size=32), min_fps=4.5) as engine:
        session, _ = admit(engine)
        until(lambda: engine.drawn >= MIN_DRAWS_PER_SIZE, "some draws")
        with pytest.raises(OverloadError):
            admit(engine)
        assert (engine.session_count, engine.refused) == (1, 1)
        engine.leave(session)
        admit(engine)  # the first session is always admitted


def test_engine_continues_sessions_while_others_join_and_leave() -> None:
    pipeline = FakePipeline(delay=0.05, size=32)  # longer than the time between motions, so that every tick draws all
    with running(pipeline) as engine:
        session, failures = admit(engine)
        out = session.new_output()
        for number in range(10):
            other, none = admit(engine, (number, 0, 0))
            pipeline.batches.clear()
            until(lambda: 2 in pipeline.batches, "a batch of both")
            engine.leave(other)
            take(out)
            assert not none
        assert not failures and engine.session_count == 1


def test_engine_reports_the_spread_and_the_drops_of_all_sessions() -> None:
    with running(FakePipeline(size=32)) as engine:
        assert engine.spread() == {"fps": {"min": 0, "max": 0}, "latency_ms": {"min": 0, "max": 0}}
        sessions = [admit(engine)[0] for _ in range(3)]
        until(lambda: engine.spread()["fps"]["min"] > 0, "everybody's rate")
        assert engine.spread()["fps"]["min"] <= engine.spread()["fps"]["max"]
        assert all(session.meter.percentiles("queue age")["p99"] >= 0 for session in sessions)
        out = sessions[0].new_output()
        until(lambda: out.drops > 5, "drops")
        engine.leave(sessions[0])
        assert engine.drops["out"] >= sessions[0].drops["out"] > 5
        assert engine.drops.keys() == {"camera", "motion", "out"}
        assert engine.sessions == tuple(sessions[1:])


def test_engine_prepare_without_device_memory_raises_one_sentence() -> None:
    class Full(FakePipeline):
        def prepare(self, *given: object) -> FakeAvatar:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    with running(Full(size=32)) as engine, pytest.raises(DeviceMemoryError) as caught:
        engine.pictures.prepare(Picture(np.zeros((8, 8, 4), np.uint8), "new")).result(TIMEOUT_S)
    assert str(caught.value) == (
        "The device has no memory left for another picture: choose one again when somebody has left."
    )


def test_engine_ends_only_the_session_whose_tracker_fails_and_closes_it() -> None:
    trackers = [FakeTracker(), FakeTracker(fail_at=2)]
    unused = iter(trackers)
    with running(tracker=lambda: next(unused)) as engine:
        good, no_failures = admit(engine)
        until(lambda: trackers[0].idled > 0, "the first tracker's start")
        bad, failures = admit(engine)
        while not failures:
            bad.camera.put(received())
            time.sleep(0.005)
        assert isinstance(failures[0], SessionError) and trackers[1].closed == 1
        take(good.new_output())
        assert not no_failures
    assert trackers[0].closed == 1


def test_sessions_that_came_from_another_server_stay_as_old_as_they_were() -> None:
    with running() as engine:
        now = time.time()
        began = [now - 20, now - 60, now - 10]
        moved = [engine.admit(FakeAvatar(32, 32), Controls(), lambda _: None, since) for since in began]
        assert engine.sessions == (moved[1], moved[0], moved[2])
        own, _ = admit(engine)
        assert engine.sessions[-1] is own


def test_watchers_receive_the_newest_session() -> None:
    with running() as engine:
        watcher = engine.watch()
        admit(engine, (10, 10, 10))
        until(lambda: take(watcher).rgb[0, -1, 0] == 10, "the first session")
        second, _ = admit(engine, (20, 20, 20))
        until(lambda: take(watcher).rgb[0, -1, 0] == 20, "the second session")
        engine.leave(second)
        until(lambda: take(watcher).rgb[0, -1, 0] == 10, "the first session again")
        engine.unwatch(watcher)
        with pytest.raises(MailboxClosed):
            watcher.get(TIMEOUT_S)


def test_one_session_is_watched_and_heard_until_it_leaves() -> None:
    heard: list[int] = []
    newest: list[int] = []
    with running() as engine:
        first, _ = admit(engine, (10, 10, 10))
        admit(engine, (20, 20, 20))
        watcher = engine.watch(first)
        engine.listen(lambda samples: heard.append(len(samples)), first)
        engine.listen(lambda samples: newest.append(len(samples)))
        until(lambda: take(watcher).rgb[0, -1, 0] == 10, "the first session")
        first.sound.put(np.zeros((5, 2), np.int16))
        engine.sessions[1].sound.put(np.zeros((7, 2), np.int16))
        assert (heard, newest) == ([5], [7])
        engine.leave(first)
        assert watcher.closed
        with pytest.raises(EngineClosedError):
            engine.watch(first)


def test_engine_refuses_everything_after_close() -> None:
    with running() as engine:
        watcher = engine.watch()
        session, _ = admit(engine)
    for begin in (
        lambda: admit(engine),
        engine.watch,
        lambda: engine.pictures.prepare(Picture(np.zeros((2, 2, 4), np.uint8), "")),
    ):
        with pytest.raises(EngineClosedError, match=r"^The server is shutting down: start it again to go on\.$"):
            begin()
    assert watcher.closed and session.camera.closed
