"""Pictures of one moment of a looped clip, long apart: whether a stream drifts."""

from __future__ import annotations

import numpy as np

from benchmarks.streaming import barcode
from streamer.frames import Image

EVERY = 4  # ticks: one phase in so many is kept, some tens of megabytes for a clip of ten seconds


class Album:
    """Keeps of every phase of a loop the first two pictures and the last two, each of another loop.

    period: ticks of one loop. The camera shows the same at the same phase, so two pictures of one phase differ by what
    changed in between and by chance: the codec, the tracker's noise, which frames the engine took before.
    """

    def __init__(self, period: int) -> None:
        self.period = period
        self._pictures: dict[int, list[Image]] = {}

    def add(self, tick: int, picture: Image) -> None:
        """picture: (H, W) uint8; its strip with the bar code is left out, since that tells the tick."""
        phase = tick % self.period
        if phase % EVERY == 0:
            kept = self._pictures.setdefault(phase, [])
            del kept[2:-1]
            kept.append(picture[barcode.STRIP :].copy())

    def drift(self) -> dict[str, float | int | None]:
        """Mean absolute differences, 0..255, over the phases seen four times or more: `drift` of the last against the
        first; `chance_first` of the second against the first and `chance_last` of the last against the one before,
        which is what drift would be without any. None without phases.
        """
        seen = [kept for kept in self._pictures.values() if len(kept) == 4]
        return {
            "phases": len(seen),
            "drift": _mean([_difference(last, first) for first, _, _, last in seen]),
            "chance_first": _mean([_difference(second, first) for first, second, _, _ in seen]),
            "chance_last": _mean([_difference(last, before) for _, _, before, last in seen]),
        }


def _difference(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None
