"""Frames of one moment of a looped clip from its first and last loops: whether a stream drifts."""

from __future__ import annotations

import numpy as np

from benchmarks.streaming import barcode
from streamer.frames import Image

PHASE_STEP = 4  # ticks from one phase that is kept to the next; a clip of ten seconds takes tens of megabytes


class DriftSnapshots:
    """Keeps, for phases of a loop, the frames of its first two and last two loops.

    period: ticks of one loop. The camera shows the same picture at the same phase, so two frames of one phase differ by
    drift and by chance: codec, noise of the tracker, and which camera frames the engine has processed.
    """

    def __init__(self, period: int) -> None:
        self.period = period
        self._pictures: dict[int, list[Image]] = {}

    def add(self, tick: int, picture: Image) -> None:
        """picture: (H, W) uint8; its strip with the bar code, which differs at every tick, is left out."""
        phase = tick % self.period
        if phase % PHASE_STEP == 0:
            kept = self._pictures.setdefault(phase, [])
            del kept[2:-1]
            kept.append(picture[barcode.STRIP :].copy())

    def drift(self) -> dict[str, float | int | None]:
        """Mean absolute differences, 0..255, over the phases with four frames.

        drift: of the last frame and the first. chance_first: of the second and the first. chance_last: of the last and
        the one before. A stream without drift has a `drift` as large as these two. None without such phases.
        """
        complete = [kept for kept in self._pictures.values() if len(kept) == 4]
        return {
            "phases": len(complete),
            "drift": _mean([_difference(last, first) for first, _, _, last in complete]),
            "chance_first": _mean([_difference(second, first) for first, second, _, _ in complete]),
            "chance_last": _mean([_difference(last, before) for _, _, before, last in complete]),
        }


def _difference(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None
