"""Limbs that cannot be: a joint that is measured to jump, or to be further away than a bone is long, is not believed.

Pose models lose arms before the body, behind it and beyond the picture, and then place them anywhere. What is not
believed has visibility 0; `limb_fade.py` lets it freeze and return to rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.geometry.body import HANGING, SHOULDERS
from models.geometry.limb_curve import FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS
from models.geometry.proportions import SPINE_SIZE, USUAL_LENGTHS
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY, Array
from streamer.tracking.running_quantiles import RunningQuantiles

# Sizes of the body a second, relative to the shoulders, of elbows and knees and of wrists and ankles. A dancer's wrist
# was measured at 17; one that is mistaken for the other goes 25 to 50.
MAX_SPEEDS = (20.0, 32.0)
MIN_STEP_S = 1 / 60  # between two measurements, over which speeds are measured
MAX_GAP_S = 0.5  # between two measurements, after which anything may have happened
DISTRUST_S = 0.2  # for which a joint is not believed after it was seen where it cannot be
MAX_STRETCH = 1.45  # of a bone in the plane over its full length, which a nearer hand can exceed by perspective
LENGTH_MEMORY_S, LENGTH_LEARNING_S = 60.0, 3.0  # of the driver's bones; before that they count as usual
FULL_QUANTILE, MIN_FULL = 0.95, 0.7  # quantile of lengths in the plane that is a full one; of the usual one, at least

_STARTS, _ENDS = [*FIRST_JOINTS, *SECOND_JOINTS], [*SECOND_JOINTS, *THIRD_JOINTS]
_SPEEDS = np.repeat(MAX_SPEEDS, 4)
_USUAL = np.array(USUAL_LENGTHS[: len(_ENDS)])
_BELOW = [[last, *HANGING[last]] for last in THIRD_JOINTS]


class LimbGate:
    """Judges the measured joints of one person, in the order of capture."""

    def __init__(self) -> None:
        self._lengths = [RunningQuantiles(0.0, 3.0, LENGTH_MEMORY_S) for _ in _ENDS]
        self._places: NDArray[np.floating] | None = None  # (8, 2) of the last measurement, sizes of the body
        self._time = 0.0
        self._doubted = np.full(len(_ENDS), -np.inf)  # seconds, when each joint was last where it cannot be

    def check(self, body: Array | None, captured: float) -> Array | None:
        """Joints (33, 4) with visibility 0 where a limb is not believed, from its first such joint on.

        captured: seconds, of the frame that was measured. None where nobody was found.
        """
        if body is None:
            self._places = None
            return None
        shoulders = body[SHOULDERS, :2].mean(0)
        size = body_size(body)
        places = (body[_ENDS, :2] - shoulders) / size
        lengths = np.linalg.norm(body[_ENDS, :2] - body[_STARTS, :2], axis=1) / size
        impossible = lengths > MAX_STRETCH * self._full_lengths()
        step = captured - self._time
        if self._places is not None and 0 < step <= MAX_GAP_S:
            speeds = np.linalg.norm(places - self._places, axis=1) / max(step, MIN_STEP_S)
            impossible |= speeds > _SPEEDS
        self._places, self._time = places, captured
        impossible &= body[_ENDS, VISIBILITY] > MIN_VISIBILITY
        self._doubted[impossible] = captured
        doubted = np.abs(captured - self._doubted) < DISTRUST_S
        self._learn(lengths, ~doubted & (body[_ENDS, VISIBILITY] > MIN_VISIBILITY), min(max(step, 0.0), MAX_GAP_S))
        return hide(body, doubted) if doubted.any() else body

    def _full_lengths(self) -> NDArray[np.floating]:
        """(8,) lengths of the driver's bones without foreshortening, sizes of the body."""
        known = [
            max(lengths.quantile(FULL_QUANTILE), MIN_FULL * usual) if lengths.seconds > LENGTH_LEARNING_S else usual
            for lengths, usual in zip(self._lengths, _USUAL, strict=True)
        ]
        return np.array(known)

    def _learn(self, lengths: NDArray[np.floating], believed: NDArray[np.bool_], seconds: float) -> None:
        for quantiles, length, good in zip(self._lengths, lengths, believed, strict=True):
            if good:
                quantiles.update(float(length), seconds)


def body_size(body: Array) -> float:
    """Size of a body (33, ≥2), its units: the shoulders' width, or what the spine says where they are turned."""
    corners = body[list(FIRST_JOINTS), :2]
    spine = (corners[2:] - corners[:2]).mean(0)
    return max(float(np.linalg.norm(corners[0] - corners[1])), SPINE_SIZE * float(np.linalg.norm(spine)), 1e-3)


def hide(body: Array, doubted: NDArray[np.bool_]) -> Array:
    """A copy of joints (33, 4) with visibility 0 from doubted joints on; doubted (8,): those of `_ENDS`."""
    body = body.copy()
    for limb, below in enumerate(_BELOW):
        if doubted[limb]:
            body[[SECOND_JOINTS[limb], *below], VISIBILITY] = 0
        elif doubted[limb + 4]:
            body[below, VISIBILITY] = 0
    return body
