"""An engine that paints plain colours, for the replicas of a cluster under test."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamer.engine.engine import Engine
from streamer.rigging.picture import Picture
from streamer.runtime.start_lines import StartLines
from streamer.settings import Settings
from tests.support.fakes import FakeAvatar, FakeCharacter, FakePictureProcess, FakePipeline, FakeTracker


def make_fake_engine(settings: Settings, lines: StartLines) -> Any:
    """In place of `launch.make_engine`."""
    from streamer.server.made_engine import MadeEngine  # noqa: PLC0415 - in the replica's process only

    engine = Engine(FakePipeline(size=128), FakeTracker, settings.fps, settings.max_sessions)
    engine.start()
    found = FakeCharacter(Picture(np.full((64, 64, 4), (*FakeAvatar.colour, 255), np.uint8), "fake.png"))
    avatar = FakeAvatar(128, 128, picture=found.picture, characters=(found,))
    return MadeEngine(engine, avatar, "fake.png", FakePictureProcess(), None)  # type: ignore[arg-type]
