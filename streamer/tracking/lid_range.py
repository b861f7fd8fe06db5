"""How far a driver's eyes are open in their own range, from lids that meet to what is usual for them."""

from __future__ import annotations

import math

import numpy as np

from streamer.tracking.eyelids import lid_aspects
from streamer.tracking.motion import Array, smooth_share
from streamer.tracking.running_quantiles import RunningQuantiles

MEMORY_S = 60.0  # of the range
ASPECT_LIMIT = 0.6  # height over width of an eye: hardly any is higher
OPEN_QUANTILE = 0.85  # of the time an eye is less open: who reads or looks down half of the time is known by the rest
SHUT_QUANTILE = 0.02  # of the time an eye is less open: blinks take 3 to 5 %
PLAUSIBLE_OPEN = (0.2, 0.38)  # height over width of open eyes, before a driver's own are known
PRIOR_S = 0.5  # for which the first frame counts beforehand, within what is plausible
CALIBRATED_S = 15.0  # for which a deliberate neutral counts
# MediaPipe's lids never quite meet. Height of a shut eye as a share of that of an open one:
USUAL_SHUT = 0.22  # before a blink was seen
SHUT_RANGE = (0.15, 0.32)  # limits
SHUT_MARGIN = 1.2  # over the least that was seen, below which lids count as shut
FAITHFUL_SHARE = 0.7  # of the open eye's height: above, openness is that share; below, it falls linearly to 0
BLINK_SHARE = 0.32  # an eye that has been less open has shut
RANGE_SPEED = 0.1  # of the open eye's height, by which the range moves in a second
OPENNESS_LIMIT = 1.8
WINK_MARGIN, WINK_END = 0.4, 0.2  # difference of openness from which one eye winks, and below which it no longer does
PARTED = (0.5, 0.8)  # openness of the less open eye: both show one openness below, each its own above
WINK_S = 0.12  # for which the eyes must differ; also the time in which they part and join


class LidRange:
    """Openness of one driver's eyes; both are one unless the driver winks. Fed with shapes in the order of capture."""

    def __init__(self) -> None:
        self._aspects = [RunningQuantiles(0, ASPECT_LIMIT, MEMORY_S) for _ in range(2)]
        self._open: Array | None = None  # (2,) height over width of the eyes as they usually are
        self._shut = np.zeros(2, np.float32)  # (2,) the same of shut eyes
        self._differs_s = 0.0
        self._apart = 0.0  # 0: both eyes are one. 1: each for itself.

    def learn(self, shape: Array, seconds: float) -> None:
        """Add a shape (478, 3), canonical units, that held for `seconds`; the range moves towards what is usual."""
        aspects = lid_aspects(shape)
        if self._open is None:
            for quantiles, aspect in zip(self._aspects, aspects, strict=True):
                quantiles.update(float(np.clip(aspect, *PLAUSIBLE_OPEN)), PRIOR_S)
            self.settle()
        for quantiles, aspect in zip(self._aspects, aspects, strict=True):
            quantiles.update(float(aspect), seconds)
        is_open, shut = self._usual()
        assert self._open is not None
        step = RANGE_SPEED * seconds * self._open
        self._shut = (self._shut + np.clip(shut - self._shut, -step, step)).astype(np.float32)
        self._open = (self._open + np.clip(is_open - self._open, -step, step)).astype(np.float32)

    def settle(self) -> None:
        """Move the range to what is usual at once: before anything is shown."""
        self._open, self._shut = self._usual()

    def trust(self, shape: Array) -> None:
        """Take the eyes of a deliberate neutral (478, 3) for what is usual."""
        for quantiles, aspect in zip(self._aspects, lid_aspects(shape), strict=True):
            quantiles.update(float(aspect), CALIBRATED_S)

    def openness(self, shape: Array) -> Array:
        """(2,) openness of the right and the left eye, each for itself: 0 = shut, 1 = as usual. Raises ValueError
        before the first `learn`.
        """
        if self._open is None:
            raise ValueError("the range of the lids is not known")
        share, shut = lid_aspects(shape) / self._open, self._shut / self._open
        share = np.where(share < FAITHFUL_SHARE, FAITHFUL_SHARE * (share - shut) / (FAITHFUL_SHARE - shut), share)
        return np.clip(share, 0, OPENNESS_LIMIT).astype(np.float32)

    def tied(self, shape: Array, seconds: float) -> Array:
        """(2,) the openness to show, of a shape that held for `seconds`: both eyes as one unless one winks, or both are
        so far open that nobody sees a difference.
        """
        each = self.openness(shape)
        difference = abs(float(each[0] - each[1]))
        margin = WINK_END if self._differs_s >= WINK_S else WINK_MARGIN
        self._differs_s = self._differs_s + seconds if difference > margin else 0.0
        winks = self._differs_s >= WINK_S
        step = seconds / WINK_S
        self._apart = min(max(self._apart + (step if winks else -step), 0.0), 1.0)
        return _as_one(each, self._apart)

    def resting(self, shape: Array) -> Array:
        """(2,) the openness of a neutral (478, 3), both eyes as one: a difference in a single frame is no habit, and
        would make one eye droop from then on.
        """
        return np.full(2, self.openness(shape).mean(), np.float32)

    def _usual(self) -> tuple[Array, Array]:
        """Height over width (2,) of open and of shut eyes, by what was seen so far."""
        is_open = np.array([quantiles.quantile(OPEN_QUANTILE) for quantiles in self._aspects])
        least = np.array([quantiles.quantile(SHUT_QUANTILE) for quantiles in self._aspects])
        share = np.where(least < BLINK_SHARE * is_open, least / is_open, math.inf)
        share = np.where(np.isfinite(share), np.clip(SHUT_MARGIN * share, *SHUT_RANGE), USUAL_SHUT)
        return is_open.astype(np.float32), (share * is_open).astype(np.float32)


def _as_one(each: Array, apart: float) -> Array:
    """Openness (2,) of both eyes with `apart` 0..1 of their difference, or more where both are open."""
    t = min(max((float(each.min()) - PARTED[0]) / (PARTED[1] - PARTED[0]), 0.0), 1.0)
    return (each.mean() + max(apart, smooth_share(t)) * (each - each.mean())).astype(np.float32)
