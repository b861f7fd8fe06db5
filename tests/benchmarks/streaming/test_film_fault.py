"""What a film costs a live session is told by stages of the film; here of a fake film and a fake live session."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.streaming.film_fault import film_fault
from streamer.rigging.picture import Picture
from tests.support.fakes import FakeAvatar, FakeCharacter
from tests.support.film_worker import FakeFilmWorker
from tests.support.page import UNLIMITED, serving

FPS = 50.0


@pytest.mark.parametrize(("share", "holds"), [(0.95, True), (0.5, False)])
async def test_film_that_costs_too_many_frames_while_it_is_drawn_does_not_hold(share: float, holds: bool) -> None:
    """share: of its frames that the live session gets while there is a film."""
    picture = Picture(np.full((64, 64, 4), 90, np.uint8), "cat.png")
    avatar = FakeAvatar(128, 128, picture=picture, characters=(FakeCharacter(picture),))
    async with serving(avatar=avatar, limits=UNLIMITED, make_film_worker=FakeFilmWorker) as (address, _):
        began = time.monotonic()
        frames = [began]

        async def watch(seconds: float) -> None:
            await asyncio.sleep(seconds)
            while frames[-1] < time.monotonic():
                frames.append(frames[-1] + 1 / (FPS * (1.0 if frames[-1] < began + 1.2 else share)))

        scene: Any = SimpleNamespace(
            server=SimpleNamespace(url=address), client=SimpleNamespace(watch=watch, log=SimpleNamespace(frames=frames))
        )
        row = await film_fault(scene, b"forever", 1.2)
    assert set(row["frames_lost"]) <= {"preparing", "tracking", "drawing"} and "drawing" in row["seconds"]
    assert row["frames_lost"]["drawing"] == pytest.approx(1 - share, abs=0.1)
    assert row["holds"] == holds
