"""Drift of synthetic pictures."""

from __future__ import annotations

import numpy as np

from benchmarks.streaming import barcode
from benchmarks.streaming.drift_snapshots import PHASE_STEP, DriftSnapshots

PERIOD = 10 * PHASE_STEP


def picture(tick: int, brightness: int) -> np.ndarray:
    """A picture whose strip differs at every tick."""
    shown = np.full((barcode.STRIP + 16, 32), brightness, np.uint8)
    shown[: barcode.STRIP] = tick % 251
    return shown


def test_drift_is_a_lasting_change_and_not_flicker() -> None:
    snapshots = DriftSnapshots(PERIOD)
    for tick in range(6 * PERIOD):
        loop = tick // PERIOD
        snapshots.add(tick, picture(tick, 100 + 4 * loop))
    assert snapshots.drift() == {"phases": 10, "drift": 20.0, "chance_first": 4.0, "chance_last": 4.0}
    steady = DriftSnapshots(PERIOD)
    for tick in range(5 * PERIOD):
        steady.add(tick, picture(tick, 100 + tick // PERIOD % 2))
    assert steady.drift() == {"phases": 10, "drift": 0.0, "chance_first": 1.0, "chance_last": 1.0}


def test_drift_needs_four_frames_of_a_phase() -> None:
    snapshots = DriftSnapshots(PERIOD)
    assert snapshots.drift() == {"phases": 0, "drift": None, "chance_first": None, "chance_last": None}
    for phase, loops in ((0, 3), (PHASE_STEP, 4), (1, 5)):
        for loop in range(loops):
            snapshots.add(phase + loop * PERIOD, picture(loop, 100))
    assert snapshots.drift() == {"phases": 1, "drift": 0.0, "chance_first": 0.0, "chance_last": 0.0}


def test_add_copies_the_picture() -> None:
    snapshots, buffer = DriftSnapshots(PERIOD), picture(0, 100)
    for loop in range(4):
        buffer[barcode.STRIP :] = 100 + loop
        snapshots.add(loop * PERIOD, buffer)
    assert snapshots.drift() == {"phases": 1, "drift": 3.0, "chance_first": 1.0, "chance_last": 1.0}
