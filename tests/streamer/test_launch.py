"""Starting the server from its settings."""

from __future__ import annotations

import threading

from streamer.engine.engine import Engine
from streamer.frames import AvatarFrame
from streamer.generation.controls import Controls
from streamer.launch import feed_output
from tests.support.fakes import FakeAvatar, FakePipeline, FakeTracker


class FakeOutput:
    """Records the brightness of the frames that are sent to it."""

    def __init__(self) -> None:
        self.opened: tuple[int, int, float] | None = None
        self.shades: list[int] = []
        self.enough = threading.Event()

    def problem(self) -> str | None:
        return None

    def open(self, width: int, height: int, fps: float) -> None:
        self.opened = (width, height, fps)

    def send(self, frame: AvatarFrame) -> None:
        self.shades.append(int(frame.rgb[0, -1, 0]))
        if self.shades.count(self.shades[-1]) > 3 and len(set(self.shades)) == 2:
            self.enough.set()

    def close(self) -> None:
        self.opened = None


def test_feed_output_sends_the_frames_of_the_newest_session() -> None:
    engine = Engine(FakePipeline(size=32), FakeTracker, fps=30)
    engine.start()
    output = FakeOutput()
    thread = feed_output(engine, output, 32, 32)
    assert output.opened == (32, 32, 30)
    engine.admit(FakeAvatar(32, 32, (10, 10, 10)), Controls(), lambda failure: None).start()
    while not output.shades:
        pass
    engine.admit(FakeAvatar(32, 32, (20, 20, 20)), Controls(), lambda failure: None).start()
    assert output.enough.wait(20)
    assert sorted(output.shades) == output.shades and set(output.shades) == {10, 20}
    engine.close()
    thread.join(20)
    assert not thread.is_alive()
