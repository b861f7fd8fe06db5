"""Drawing the batch with fakes: failures that end one session alone, device memory, the hook of benchmarks."""

from __future__ import annotations

import weakref

import pytest

from streamer.errors import (
    DeviceMemoryError,
)
from streamer.frames import AvatarFrame, CameraFrame
from streamer.runtime.mailbox import MailboxClosed
from tests.support.engines import TIMEOUT_S, admit, received, running, take, until
from tests.support.fakes import FakeAvatar, FakePipeline, FakeStream

NO_MEMORY = (
    "The device has no memory left for this session and it was closed: try again when somebody has left, or start the "
    "server with a smaller --size or --max-sessions."
)


def test_engine_frees_the_stream_of_a_session_that_left() -> None:
    opened: list[weakref.ref[FakeStream]] = []

    class Keeping(FakePipeline):
        def open(self, avatar: FakeAvatar) -> FakeStream:
            stream = super().open(avatar)
            opened.append(weakref.ref(stream))
            return stream

    pipeline = Keeping(size=32)
    with running(pipeline) as engine:
        session, _ = admit(engine, (5, 5, 5))
        take(session.new_output())
        (stream,) = opened
        assert stream() is not None
        engine.leave(session)  # `session` itself is still referenced here, as by the server until the page is gone
        until(lambda: stream() is None, "the stream's end")
        assert pipeline.closed == [(5, 5, 5)]


def test_engine_ends_only_the_session_without_device_memory() -> None:
    with running(FakePipeline(size=32, no_memory_on=(1, 1, 1))) as engine:
        good, no_failures = admit(engine)
        _, failures = admit(engine, (1, 1, 1))
        until(lambda: bool(failures) and engine.session_count == 1, "the failure")
        assert isinstance(failures[0], DeviceMemoryError) and str(failures[0]) == NO_MEMORY
        take(good.new_output())
        assert len(failures) == 1 and not no_failures


def test_engine_ends_only_the_session_whose_new_picture_has_no_memory() -> None:
    with running(FakePipeline(size=32, no_memory_on=(1, 1, 1))) as engine:
        good, no_failures = admit(engine)
        other, failures = admit(engine, (2, 2, 2))
        take(other.new_output())
        other.avatar = FakeAvatar(32, 32, (1, 1, 1))
        until(lambda: bool(failures), "the failure")
        assert str(failures[0]) == NO_MEMORY
        take(good.new_output())
        assert not no_failures


def test_engine_ends_the_newest_session_when_a_batch_has_no_memory() -> None:
    pipeline = FakePipeline(delay=0.05, size=32, max_batch=2)
    with running(pipeline) as engine:
        stay = [admit(engine) for _ in range(2)]
        outs = [session.new_output() for session, _ in stay]
        _, failures = admit(engine)
        until(lambda: bool(failures) and engine.session_count == 2, "the failure")
        assert str(failures[0]) == NO_MEMORY
        begun = len(pipeline.batches)
        until(lambda: 2 in pipeline.batches[begun:], "a batch of the others")
        for out in outs:
            take(out)
        assert not any(failed for _, failed in stay)


def test_engine_ends_only_the_session_that_cannot_be_drawn() -> None:
    with running(FakePipeline(size=32, fail_on=(1, 1, 1))) as engine:
        good, no_failures = admit(engine)
        bad, failures = admit(engine, (1, 1, 1))
        out, broken = good.new_output(), bad.new_output()
        until(lambda: bool(failures), "the failure")
        assert str(failures[0]) == "Something broke in this session and it was closed: start it again."
        with pytest.raises(MailboxClosed):
            broken.get(TIMEOUT_S)
        for _ in range(5):
            take(out)
        assert len(failures) == 1 and not no_failures


def test_frame_hook_gets_the_camera_picture_of_its_frame() -> None:
    def hook(camera: CameraFrame, avatar: AvatarFrame) -> AvatarFrame:
        avatar.rgb[:4] = camera.rgb[0, 0]
        return avatar

    with running(frame_hook=hook) as engine:
        session, _ = admit(engine)
        session.camera.put(received(77))
        out = session.new_output()
        until(lambda: abs(int(take(out).rgb[0, 0, 0]) - 77) < 3, "the strip")
