"""The engine with stubs for tracking and drawing: batches, overload, swaps, refusals, and what breaks alone."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from av import VideoFrame

from streamer.camera import ReceivedFrame
from streamer.engine.admission import ENOUGH
from streamer.engine.engine import Engine
from streamer.engine.engine_session import Seat
from streamer.errors import (
    DeviceMemoryError,
    EngineClosedError,
    KagamiError,
    OverloadError,
    ServerFullError,
    SessionError,
)
from streamer.frames import AvatarFrame, CameraFrame
from streamer.generation.pipeline import Controls
from streamer.rigging.picture import Picture
from streamer.runtime.mailbox import Mailbox, MailboxClosed
from tests.support.fakes import FakeAvatar, FakePipeline, FakeStream, FakeTracker

PATIENCE = 20.0


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.005)


def arrival(brightness: int = 128, size: tuple[int, int] = (64, 48)) -> ReceivedFrame:
    rgb = np.full((size[1], size[0], 3), brightness, np.uint8)
    return ReceivedFrame(VideoFrame.from_ndarray(rgb, format="rgb24"), time.monotonic())


def take(mailbox: Mailbox[AvatarFrame]) -> AvatarFrame:
    frame = mailbox.get(PATIENCE)
    assert frame is not None, "no frame came"
    return frame


@contextmanager
def running(
    pipeline: FakePipeline | None = None, tracker: Callable[[], FakeTracker] = FakeTracker, **options: Any
) -> Iterator[Engine]:
    before = threading.active_count()
    engine = Engine(pipeline or FakePipeline(size=32), tracker, **{"fps": 60, "max_sessions": 8, **options})
    engine.start()
    try:
        yield engine
    finally:
        engine.close()
        engine.close()
    until(lambda: threading.active_count() <= before, "the end of all threads")


def admit(engine: Engine, colour: tuple[int, int, int] = (200, 100, 50)) -> tuple[Seat, list[KagamiError]]:
    failures: list[KagamiError] = []
    return engine.admit(FakeAvatar(32, 32, colour), Controls(), failures.append), failures


def brightness(frame: AvatarFrame) -> float:
    return float(frame.rgb[:, :16].mean())


def test_a_picture_goes_in_and_an_avatar_comes_out_with_its_time_and_stages() -> None:
    with running() as engine:
        seat, failures = admit(engine)
        out = seat.outlet()
        sent = arrival(80)
        seat.camera.put(sent)
        while brightness(frame := take(out)) == 0:
            pass  # idle frames from before
        assert brightness(frame) == pytest.approx(80, abs=3)
        assert frame.captured == sent.at
        assert {"decode", "track", "queue age", "draw", "paint"} <= set(seat.meter.stages())
        assert not failures


def test_all_sessions_are_drawn_as_one_batch_by_one_thread() -> None:
    pipeline = FakePipeline(delay=0.02, size=32)
    with running(pipeline, fps=30) as engine:
        seats = [admit(engine, (i, i, i))[0] for i in range(4)]
        outs = [seat.outlet() for seat in seats]
        until(lambda: 4 in pipeline.batches, "a batch of all four")
        assert [tuple(take(out).rgb[0, -1]) for out in outs] == [(i, i, i) for i in range(4)]
    assert pipeline.threads == {"engine"}


def test_overload_drops_and_grows_nothing() -> None:
    pipeline = FakePipeline(delay=0.15, size=32)
    with running(pipeline, lambda: FakeTracker(delay=0.03)) as engine:
        seat, failures = admit(engine)
        out = seat.outlet()
        for number in range(150):
            seat.camera.put(arrival(number))
            time.sleep(0.005)
            assert len(seat.camera) <= 1 and len(seat.moves) <= 1 and len(out) <= 1
        until(lambda: brightness(take(out)) == pytest.approx(149, abs=3), "the last picture")
        drops = seat.drops
        assert drops["camera"] > 75 and drops["motion"] > 5 and drops["camera"] + len(pipeline.batches) < 160
        assert not failures


def test_a_reader_who_does_not_come_costs_frames_only() -> None:
    with running() as engine:
        seat, _ = admit(engine)
        out = seat.outlet()
        until(lambda: out.drops > 5, "drops")
        assert len(out) == 1 and seat.drops["out"] == out.drops


def test_the_avatar_idles_without_a_camera_and_goes_on_when_it_stops() -> None:
    trackers: list[FakeTracker] = []

    def make() -> FakeTracker:
        trackers.append(FakeTracker())
        return trackers[-1]

    with running(tracker=make) as engine:
        seat, _ = admit(engine)
        out = seat.outlet()
        for _ in range(5):
            take(out)
        assert seat.phase == "waiting"
        seat.camera.put(arrival())
        until(lambda: seat.phase == "live", "a tracked picture")
        for _ in range(20):
            take(out)
        until(lambda: seat.phase == "stalled", "notice of the silent camera")
        assert trackers[0].seen == 1 and trackers[0].idled > 10


def test_paused_means_the_camera_is_not_looked_at() -> None:
    trackers = [FakeTracker()]
    with running(tracker=lambda: trackers[0]) as engine:
        seat, _ = admit(engine)
        seat.paused = True
        for _ in range(10):
            seat.camera.put(arrival(255))
            assert brightness(take(seat.outlet())) == 0
        assert seat.phase == "paused" and trackers[0].seen == 0
        seat.paused = False
        seat.camera.put(arrival(255))
        until(lambda: trackers[0].seen == 1, "the camera again")


def test_a_wish_to_calibrate_reaches_the_follower() -> None:
    trackers = [FakeTracker()]
    with running(tracker=lambda: trackers[0]) as engine:
        seat, _ = admit(engine)
        seat.calibrate()
        until(lambda: trackers[0].calibrated == 1, "calibration")


def test_a_picture_is_prepared_and_swapped_while_frames_keep_coming() -> None:
    with running(FakePipeline(size=32, prepare_delay=0.4)) as engine:
        seat, _ = admit(engine)
        out = seat.outlet()
        take(out)
        coming = engine.prepare(Picture(np.full((8, 8, 4), (9, 99, 199, 255), np.uint8), "new"))
        frames = 0
        while not coming.done():
            assert tuple(take(out).rgb[0, -1]) == (200, 100, 50)
            frames += 1
        assert frames > 5
        seat.avatar = coming.result()
        until(lambda: tuple(take(out).rgb[0, -1]) == (9, 99, 199), "the new picture")


def test_one_more_is_refused_until_somebody_leaves() -> None:
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
        admit(engine)
        assert engine.sessions == 2


def test_what_ticks_take_decides_on_the_next_session() -> None:
    with running(FakePipeline(delay=0.2, size=32), min_fps=4.5) as engine:
        seat, _ = admit(engine)
        until(lambda: engine.drawn >= ENOUGH, "some draws")
        with pytest.raises(OverloadError):
            admit(engine)
        assert (engine.sessions, engine.refused) == (1, 1)
        engine.leave(seat)
        admit(engine)  # alone, everybody has room


def test_what_the_device_keeps_of_a_session_is_free_once_it_has_left() -> None:
    opened: list[weakref.ref[FakeStream]] = []

    class Keeping(FakePipeline):
        def open(self, avatar: FakeAvatar) -> FakeStream:
            stream = super().open(avatar)
            opened.append(weakref.ref(stream))
            return stream

    pipeline = Keeping(size=32)
    with running(pipeline) as engine:
        seat, _ = admit(engine, (5, 5, 5))
        take(seat.outlet())
        (stream,) = opened
        assert stream() is not None
        engine.leave(seat)  # the seat itself is still held here, as a session holds it until its page has gone
        until(lambda: stream() is None, "the stream's end")
        assert pipeline.closed == [(5, 5, 5)]


def test_newcomers_and_leavers_stop_nobody() -> None:
    pipeline = FakePipeline(delay=0.05, size=32)  # longer than motions are apart, so that ticks take everybody's
    with running(pipeline) as engine:
        seat, failures = admit(engine)
        out = seat.outlet()
        for number in range(10):
            other, none = admit(engine, (number, 0, 0))
            pipeline.batches.clear()
            until(lambda: 2 in pipeline.batches, "a batch of both")
            engine.leave(other)
            take(out)
            assert not none
        assert not failures and engine.sessions == 1


def test_how_alike_sessions_are_served_and_what_was_dropped_is_known() -> None:
    with running(FakePipeline(size=32)) as engine:
        assert engine.spread() == {"fps": {"min": 0, "max": 0}, "latency_ms": {"min": 0, "max": 0}}
        seats = [admit(engine)[0] for _ in range(3)]
        until(lambda: engine.spread()["fps"]["min"] > 0, "everybody's rate")
        assert engine.spread()["fps"]["min"] <= engine.spread()["fps"]["max"]
        assert all(seat.meter.percentiles("queue age")["p99"] >= 0 for seat in seats)
        out = seats[0].outlet()
        until(lambda: out.drops > 5, "drops")
        engine.leave(seats[0])
        assert engine.drops["out"] >= seats[0].drops["out"] > 5
        assert engine.drops.keys() == {"camera", "motion", "out"}
        assert engine.seats == tuple(seats[1:])


NO_MEMORY = (
    "The device has no memory left for this session and it was closed; try again when somebody has left, or start the "
    "server with a smaller --size or --max-sessions."
)


def test_a_session_that_finds_no_memory_ends_alone() -> None:
    with running(FakePipeline(size=32, no_memory_on=(1, 1, 1))) as engine:
        good, no_failures = admit(engine)
        _, failures = admit(engine, (1, 1, 1))
        until(lambda: bool(failures) and engine.sessions == 1, "the failure")
        assert isinstance(failures[0], DeviceMemoryError) and str(failures[0]) == NO_MEMORY
        take(good.outlet())
        assert len(failures) == 1 and not no_failures


def test_a_picture_that_finds_no_memory_ends_its_session_alone() -> None:
    with running(FakePipeline(size=32, no_memory_on=(1, 1, 1))) as engine:
        good, no_failures = admit(engine)
        other, failures = admit(engine, (2, 2, 2))
        take(other.outlet())
        other.avatar = FakeAvatar(32, 32, (1, 1, 1))
        until(lambda: bool(failures), "the failure")
        assert str(failures[0]) == NO_MEMORY
        take(good.outlet())
        assert not no_failures


def test_an_upload_that_finds_no_memory_is_told_in_a_sentence() -> None:
    class Full(FakePipeline):
        def prepare(self, picture: Picture, points: object = None) -> FakeAvatar:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    with running(Full(size=32)) as engine, pytest.raises(DeviceMemoryError) as caught:
        engine.prepare(Picture(np.zeros((8, 8, 4), np.uint8), "new")).result(PATIENCE)
    assert str(caught.value) == (
        "The device has no memory left for another picture; choose one again when somebody has left."
    )


def test_a_batch_for_which_there_is_no_memory_parts_with_the_newest() -> None:
    pipeline = FakePipeline(delay=0.05, size=32, most=2)
    with running(pipeline) as engine:
        stay = [admit(engine) for _ in range(2)]
        outs = [seat.outlet() for seat, _ in stay]
        _, failures = admit(engine)
        until(lambda: bool(failures) and engine.sessions == 2, "the failure")
        assert str(failures[0]) == NO_MEMORY
        begun = len(pipeline.batches)
        until(lambda: 2 in pipeline.batches[begun:], "a batch of the others")
        for out in outs:
            take(out)
        assert not any(failed for _, failed in stay)


def test_a_session_whose_picture_cannot_be_drawn_ends_alone() -> None:
    with running(FakePipeline(size=32, fail_on=(1, 1, 1))) as engine:
        good, no_failures = admit(engine)
        bad, failures = admit(engine, (1, 1, 1))
        out, broken = good.outlet(), bad.outlet()
        until(lambda: bool(failures), "the failure")
        assert str(failures[0]) == "Something broke in this session and it was closed; start it again."
        with pytest.raises(MailboxClosed):
            broken.get(PATIENCE)
        for _ in range(5):
            take(out)
        assert len(failures) == 1 and not no_failures


def test_a_session_whose_tracking_breaks_ends_alone_and_closes_its_follower() -> None:
    trackers = [FakeTracker(), FakeTracker(fail_at=2)]
    unused = iter(trackers)
    with running(tracker=lambda: next(unused)) as engine:
        good, no_failures = admit(engine)
        until(lambda: trackers[0].idled > 0, "the first tracker's start")
        bad, failures = admit(engine)
        while not failures:
            bad.camera.put(arrival())
            time.sleep(0.005)
        assert isinstance(failures[0], SessionError) and trackers[1].closed == 1
        take(good.outlet())
        assert not no_failures
    assert trackers[0].closed == 1


def test_watchers_see_the_newest_session() -> None:
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
            watcher.get(PATIENCE)


def test_a_frame_hook_gets_the_camera_picture_that_the_frame_follows() -> None:
    def hook(camera: CameraFrame, avatar: AvatarFrame) -> AvatarFrame:
        avatar.rgb[:4] = camera.rgb[0, 0]
        return avatar

    with running(frame_hook=hook) as engine:
        seat, _ = admit(engine)
        seat.camera.put(arrival(77))
        out = seat.outlet()
        until(lambda: abs(int(take(out).rgb[0, 0, 0]) - 77) < 3, "the strip")


@pytest.mark.parametrize("hooked", [False, True])
def test_only_for_a_hook_is_a_camera_picture_kept(hooked: bool) -> None:
    engine = Engine(FakePipeline(), FakeTracker, frame_hook=(lambda camera, avatar: avatar) if hooked else None)
    seat, _ = admit(engine)  # the engine's thread never starts: motions stay where they are
    until(lambda: len(seat.moves) == 1, "an idle motion")
    seat.camera.put(arrival(255))
    until(lambda: (move := seat.moves.get(PATIENCE)) is not None and move.tracked.phase == "live", "a tracked one")
    seat.camera.put(arrival(255))
    move = seat.moves.get(PATIENCE)
    assert move is not None and (move.camera is not None) == hooked
    engine.leave(seat)
    seat.join()
    assert len(seat.moves) == len(seat.camera) == 0
    engine.close()


def test_after_close_nothing_begins() -> None:
    with running() as engine:
        watcher = engine.watch()
        seat, _ = admit(engine)
    for begin in (
        lambda: admit(engine),
        engine.watch,
        lambda: engine.prepare(Picture(np.zeros((2, 2, 4), np.uint8), "")),
    ):
        with pytest.raises(EngineClosedError, match=r"^The server is shutting down; start it again to go on\.$"):
            begin()
    assert watcher.closed and seat.camera.closed
