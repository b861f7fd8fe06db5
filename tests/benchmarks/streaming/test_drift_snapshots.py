"""Drift of pictures made by hand."""

from __future__ import annotations

import numpy as np

from benchmarks.streaming import barcode
from benchmarks.streaming.drift_snapshots import EVERY, Album

PERIOD = 10 * EVERY


def picture(tick: int, brightness: int) -> np.ndarray:
    """A picture whose strip differs at every tick."""
    shown = np.full((barcode.STRIP + 16, 32), brightness, np.uint8)
    shown[: barcode.STRIP] = tick % 251
    return shown


def test_what_becomes_brighter_drifts_and_what_flickers_does_not() -> None:
    album = Album(PERIOD)
    for tick in range(6 * PERIOD):
        loop = tick // PERIOD
        album.add(tick, picture(tick, 100 + 4 * loop))
    assert album.drift() == {"phases": 10, "drift": 20.0, "chance_first": 4.0, "chance_last": 4.0}
    steady = Album(PERIOD)
    for tick in range(5 * PERIOD):
        steady.add(tick, picture(tick, 100 + tick // PERIOD % 2))
    assert steady.drift() == {"phases": 10, "drift": 0.0, "chance_first": 1.0, "chance_last": 1.0}


def test_phases_that_come_too_seldom_do_not_count() -> None:
    album = Album(PERIOD)
    assert album.drift() == {"phases": 0, "drift": None, "chance_first": None, "chance_last": None}
    for phase, loops in ((0, 3), (EVERY, 4), (1, 5)):
        for loop in range(loops):
            album.add(phase + loop * PERIOD, picture(loop, 100))
    assert album.drift() == {"phases": 1, "drift": 0.0, "chance_first": 0.0, "chance_last": 0.0}


def test_a_picture_is_kept_and_not_the_buffer_it_came_in() -> None:
    album, buffer = Album(PERIOD), picture(0, 100)
    for loop in range(4):
        buffer[barcode.STRIP :] = 100 + loop
        album.add(loop * PERIOD, buffer)
    assert album.drift() == {"phases": 1, "drift": 3.0, "chance_first": 1.0, "chance_last": 1.0}
