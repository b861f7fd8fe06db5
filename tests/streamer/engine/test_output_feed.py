"""A further output is fed with the newest session's frames, on and off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamer.engine.engine import Engine
from streamer.engine.output_feed import OutputFeed
from streamer.errors import EngineClosedError, OutputError
from streamer.generation.controls import Controls
from tests.support.engines import until
from tests.support.fakes import FakeAvatar, FakeOutput, FakePipeline, FakeTracker


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(FakePipeline(size=32), FakeTracker, fps=30)
    engine.start()
    yield engine
    engine.close()


def join(engine: Engine, level: int, width: int = 32) -> None:
    engine.admit(FakeAvatar(width, 32, (level, level, level)), Controls(), lambda failure: None).start()


def test_output_feed_sends_the_frames_of_the_newest_session(engine: Engine) -> None:
    output = FakeOutput()
    feed = OutputFeed(engine, output, 32, 32)
    feed.turn_on()
    assert feed.is_on and output.opened == (32, 32, 30)
    join(engine, 10)
    until(lambda: bool(output.shades), "a frame of the first session")
    join(engine, 20)
    until(lambda: output.shades.count(20) > 3, "frames of the newest session")
    assert sorted(output.shades) == output.shades and set(output.shades) == {10, 20}
    engine.close()
    feed.turn_off()
    assert not feed.is_on and output.opened is None
    with pytest.raises(EngineClosedError):
        feed.turn_on()


def test_output_feed_is_switched_while_live_and_takes_the_newest_size(engine: Engine) -> None:
    output = FakeOutput()
    feed = OutputFeed(engine, output, 32, 32)
    join(engine, 10, width=64)
    for _ in range(2):
        feed.turn_on()
        feed.turn_on()  # again changes nothing
        assert output.opened == (64, 32, 30)
        output.shades.clear()
        until(lambda: bool(output.shades), "a frame")
        feed.turn_off()
        feed.turn_off()
        assert output.opened is None
        output.shades.clear()
    assert not output.shades


def test_output_feed_says_why_it_cannot_be_switched_on_and_can_be_later(engine: Engine) -> None:
    output = FakeOutput("Install it first.")
    feed = OutputFeed(engine, output, 32, 32)
    assert feed.problem() == "Install it first."
    with pytest.raises(OutputError, match=r"Install it first\."):
        feed.turn_on()
    assert not feed.is_on
    output.sentence = None
    feed.turn_on()
    assert feed.is_on and feed.problem() is None
    output.close()  # the device failed by itself
    assert not feed.is_on
    feed.turn_on()
    assert feed.is_on
    feed.turn_off()
