"""The face of each drawn motion as weights of blendshapes, for programs that move characters of their own by these."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.geometry.expressions import INDEX, NAMES
from streamer.sources.acting import BLINKS
from streamer.sources.expression import Array
from streamer.sources.remembered_face import measured_blendshapes
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import Motion

ROUNDS = 60  # from the weights of the motion before, after which they change by less than a hundredth
# Canonical units by which a blendshape must make the fit better for its weight to be one, and for the weights of a pair
# to differ by one: more than for a median of many motions (`remembered_face.py`), since one has its noise.
CAUTION = SYMMETRY = 0.05
BLINK_CAUTION = 0.012  # of lids, which few landmarks tell, and which are to shut
_PAIRS = [(INDEX[name], INDEX[name[:-1] + "R"]) for name in NAMES if name.endswith("_L") and name != "eyeBlink_L"]
# Of two weights that undo each other only what is left of the larger one is meant.
_OPPOSITES = [
    (INDEX[f"eyeLook{one}_{side}"], INDEX[f"eyeLook{other}_{side}"])
    for one, other in (("In", "Out"), ("Up", "Down"))
    for side in "LR"
]
Matrix = NDArray[np.float64]


class FaceWeights:
    """Measures one driver from motion to motion: each begins at the weights of the one before. Not thread-safe."""

    def __init__(self) -> None:
        self._fitted = np.zeros(len(NAMES))

    def measure(self, motion: Motion, neutral: Motion) -> Array:
        """Weights (E,) of `NAMES`, 0..1, of a motion against the neutral that it is measured against, both with a face.

        Eyes are as shut as their lids are, where these are measured. Raises ValueError without a face.
        """
        if motion.face is None or neutral.face is None:
            raise ValueError("only a motion with a face has weights")
        rest = head_pose(neutral.face).inverse(neutral.face) + neutral.correction
        change = head_pose(motion.face).inverse(motion.face) - rest
        self._fitted = _fit(change.ravel().astype(np.float64), self._fitted)
        weights = self._fitted.astype(np.float32)
        for pair in _OPPOSITES:
            weights[list(pair)] -= weights[list(pair)].min()
        for (blink, _), (openness, known) in zip(BLINKS, motion.lids.clip(0, 1), strict=True):
            weights[blink] += known * (1 - openness - weights[blink])
        return weights.clip(0, 1)


class _Problem(NamedTuple):
    """Least squares with prices, scaled so that each weight counts alike.

    shapes: (E, 478 · 3). sizes: (E,) the scale of each weight. products: (E, E), scaled. step: of the descent.
    """

    shapes: Matrix
    sizes: Matrix
    products: Matrix
    step: float


@cache
def _problem() -> _Problem:
    shapes = measured_blendshapes()
    prices = np.full(len(shapes), CAUTION**2)
    prices[[blink for blink, _ in BLINKS]] = BLINK_CAUTION**2
    products = shapes @ shapes.T + np.diag(prices)
    for left, right in _PAIRS:
        products[[left, right], [left, right]] += SYMMETRY**2
        products[[left, right], [right, left]] -= SYMMETRY**2
    sizes = np.sqrt(np.diag(products))
    scaled = products / np.outer(sizes, sizes)
    return _Problem(shapes, sizes, scaled, 1 / float(np.linalg.eigvalsh(scaled)[-1]))


def _fit(change: Matrix, start: Matrix) -> Matrix:
    """Weights (E,), 0..1, that move the landmarks by (478 · 3,), least squares, from others that are near.

    A projected gradient with momentum (FISTA, Beck and Teboulle 2009), which begins anew where it overshoots.
    """
    shapes, sizes, products, step = _problem()
    wanted = shapes @ change / sizes
    now = ahead = start * sizes
    momentum = 1.0
    for _ in range(ROUNDS):
        slope = products @ ahead - wanted
        after = (ahead - step * slope).clip(0, sizes)
        moved = after - now
        if slope @ moved > 0:
            momentum = 1.0
        grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        now, ahead, momentum = after, after + (momentum - 1) / grown * moved, grown
    return now / sizes
