"""What is usual for a driver: how far their eyes are open, and what their face looks like when it rests.

A neutral that talks, smiles, squints or frowns is corrected towards that; a mouth that was never seen at rest is taken
to be shut and of usual width. Nobody needs to be told to sit still.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch

from models.geometry.openings import eye_share, mouth_share
from models.geometry.topology import (
    LEFT_BROW,
    LEFT_BROW_MIDDLE,
    LEFT_EYE_OUTER,
    LEFT_LID,
    MESH,
    RIGHT_BROW,
    RIGHT_BROW_MIDDLE,
    RIGHT_EYE_OUTER,
    RIGHT_LID,
)
from streamer.tracking.head_pose import CANONICAL, head_pose
from streamer.tracking.lid_range import LidRange
from streamer.tracking.lips import lip_opening, lip_width, resting_mouth
from streamer.tracking.motion import Array, Motion, smooth_share
from streamer.tracking.running_quantiles import RunningQuantiles

LOOKAHEAD_S = 4.0  # of a file, from its first face on, from which it is known what is usual before the first frame
MEMORY_S = 60.0  # of the quantiles
SHAPE_MEMORY_S = 3.0  # of frames that rest, over which their shapes are averaged
LEARNING_S = 0.6  # of frames that rest, before which a shape corrects nothing
CORRECTION_S = 2.0  # time constant with which a correction moves while it is seen
MAX_FRAME_S = 0.2  # for which a single frame counts at most
MIN_FACING_COSINE = 0.85  # of the angle between the head's axis and the camera's: others are measured too badly

# Quantiles of a resting face, and how far a frame may be from them to count as one: canonical units.
REST_MOUTH_OPENING, REST_MOUTH_WIDTH, REST_BROW_HEIGHT = 0.2, 0.5, 0.5
OPENING_TOLERANCE, WIDTH_TOLERANCE, BROW_TOLERANCE, OPENNESS_TOLERANCE = 0.03, 0.04, 0.015, 0.2
MIN_BROW_OPENNESS = 0.7  # of the eyes: brows go up when their owner looks down
NARROW_TOLERANCE = 0.12  # mouths that talk are wider than shut ones
# Deviations of a neutral from what is usual, from which it is corrected, and from which it is corrected in full.
TALKS, SMILES, FROWNS, SQUINTS = (0.03, 0.08), (0.06, 0.14), (0.04, 0.08), (0.2, 0.45)
# A mouth at rest is shut and not wide, of all people: from where on a corrected neutral's shows that rest was never
# seen, and where it is certain. Canonical units; shut mouths of five people are .43 to .61 wide (5 % and 95 %).
PARTED, WIDE = (0.03, 0.08), (0.62, 0.7)


@dataclass(slots=True)
class _RestingPart:
    """A part of the face at rest. share: (478, 1) 0..1 which landmarks belong to it. shape: (478, 3) canonical units.

    seconds: of resting frames from which the shape is averaged, at most SHAPE_MEMORY_S.
    """

    share: Array
    shape: Array
    seconds: float = 0.0

    def add(self, shape: Array, seconds: float) -> None:
        self.seconds = min(self.seconds + seconds, SHAPE_MEMORY_S)
        self.shape = self.shape + np.float32(seconds / max(self.seconds, 1e-6)) * (shape - self.shape)

    def correction(self, neutral: Array, deviation: float) -> Array:
        """What to add to a neutral shape (478, 3) that deviates 0..1."""
        known = min(self.seconds / LEARNING_S, 1.0)
        return np.float32(deviation * known) * self.share * (self.shape - neutral)


class Habits:
    """What is usual for one driver. Fed with their motions in the order of capture; corrects neutrals slowly."""

    def __init__(self) -> None:
        self._lids = LidRange()
        self._opening = RunningQuantiles(-0.05, 0.6, MEMORY_S)
        self._width = RunningQuantiles(0.2, 1.2, MEMORY_S)
        self._brow = RunningQuantiles(0.05, 0.65, MEMORY_S)
        cpu = torch.device("cpu")
        eyes = np.maximum(*(eye_share(ring, cpu).numpy() for ring in (RIGHT_LID, LEFT_LID)))
        shares = (mouth_share(cpu).numpy(), _near_brows(), eyes)
        self._mouth_part, self._brow_part, self._eye_part = (_RestingPart(s[:, None], CANONICAL.copy()) for s in shares)
        self._newest = -math.inf  # seconds, of the newest motion with a face
        self._shown = -math.inf  # seconds, of the last motion whose eyes were measured
        self._trusted: Motion | None = None  # a deliberate neutral
        # (478, 3) as it is now; None: it begins with all that is wanted.
        self._correction: Array | None = np.zeros_like(CANONICAL)
        self._corrected = -math.inf  # seconds, when it last moved

    def foresee(self, motions: Sequence[Motion]) -> None:
        """Learn from the beginning of a file before its first frame is shown: what is usual, and then which frames
        rest.
        """
        for motion in motions:
            self.update(motion)
        if self._newest == -math.inf:
            return
        self._lids.settle()
        self._correction = None
        for part in (self._mouth_part, self._brow_part, self._eye_part):
            part.seconds = 0.0
        for before, motion in pairwise(motions):
            if motion.face is not None:
                seconds = _weight(motion) * min(motion.captured - before.captured, MAX_FRAME_S)
                self._average(head_pose(motion.face).inverse(motion.face), seconds)

    def update(self, motion: Motion) -> Motion:
        """Learn from a motion, and add how far its eyes are open. One without a face is returned as it is; what was
        learnt from already (`foresee`) is not learnt twice.
        """
        if motion.face is None:
            return motion
        elapsed = 0.0 if self._newest == -math.inf else motion.captured - self._newest
        is_new = elapsed > 0 or self._newest == -math.inf
        shape = head_pose(motion.face).inverse(motion.face)
        if is_new:
            self._newest = motion.captured
            self._learn(shape, _weight(motion) * min(elapsed, MAX_FRAME_S))
        openness = self._lids.tied(shape, min(abs(motion.captured - self._shown), MAX_FRAME_S))
        self._shown = motion.captured
        return replace(motion, lids=_measured(openness))

    def adopt(self, neutral: Motion) -> None:
        """Begin with a neutral that was related to the habits of the same person before: how it rests, corrected, is
        taken for what is usual, as if it had been seen for SHAPE_MEMORY_S.
        """
        if neutral.face is None:
            raise ValueError("a neutral needs a face")
        self._correction = neutral.correction
        self._learn(head_pose(neutral.face).inverse(neutral.face) + neutral.correction, SHAPE_MEMORY_S)

    def trust(self, neutral: Motion) -> None:
        """Take a deliberate neutral, which was plainly one, as it is: it is not corrected. May be called again."""
        if neutral is self._trusted:
            return
        self._trusted = neutral
        if neutral.face is not None and self._newest > -math.inf:
            self._lids.trust(head_pose(neutral.face).inverse(neutral.face))

    def relate(self, neutral: Motion, now: float) -> Motion:
        """The neutral with its own openness of the eyes, and with what to add to its shape (`Motion.correction`).

        now: seconds; from call to call the correction moves with the time constant CORRECTION_S, and the first one
        after `foresee` is complete.
        """
        if neutral.face is None or self._newest == -math.inf:
            return neutral
        shape = head_pose(neutral.face).inverse(neutral.face)
        faces_camera = bool(neutral.head[2, 2] > MIN_FACING_COSINE)
        target = np.zeros_like(shape) if neutral is self._trusted else self._wanted(shape, faces_camera)
        if self._correction is None:
            self._correction = target
        elapsed = 0.0 if self._corrected == -math.inf else min(max(now - self._corrected, 0.0), MAX_FRAME_S)
        self._corrected = now
        moved = np.float32(-math.expm1(-elapsed / CORRECTION_S))
        self._correction = self._correction + moved * (target - self._correction)
        return replace(neutral, lids=_measured(self._lids.resting(shape)), correction=self._correction)

    def _learn(self, shape: Array, seconds: float) -> None:
        """Add a shape that held for `seconds` to what is usual."""
        self._lids.learn(shape, seconds)
        if seconds <= 0:
            return
        self._opening.update(lip_opening(shape), seconds)
        self._width.update(lip_width(shape), seconds)
        if float(self._lids.openness(shape).min()) > MIN_BROW_OPENNESS:
            self._brow.update(_brow_height(shape), seconds)
        self._average(shape, seconds)

    def _average(self, shape: Array, seconds: float) -> None:
        """Add a shape that held for `seconds` to the parts of the face that rest in it; nothing where it held for none,
        as one does that is turned too far to be learnt from.
        """
        if seconds <= 0:
            return
        wider = lip_width(shape) - self._width.quantile(REST_MOUTH_WIDTH)
        rests = _nearness(wider, WIDTH_TOLERANCE if wider > 0 else NARROW_TOLERANCE)
        rests *= _nearness(lip_opening(shape) - self._opening.quantile(REST_MOUTH_OPENING), OPENING_TOLERANCE)
        self._mouth_part.add(shape, rests * seconds)
        openness = float(self._lids.openness(shape).min())
        self._eye_part.add(shape, _nearness(openness - 1, OPENNESS_TOLERANCE) * seconds)
        if openness > MIN_BROW_OPENNESS and self._brow.seconds > 0:
            rests = _nearness(_brow_height(shape) - self._brow.quantile(REST_BROW_HEIGHT), BROW_TOLERANCE)
            self._brow_part.add(shape, rests * seconds)

    def _wanted(self, neutral: Array, faces_camera: bool) -> Array:
        """What is to be added to a neutral's shape (478, 3): nothing where it is as usual. faces_camera: whether the
        neutral's mouth is measured well enough to be judged by itself.
        """
        rest = self._mouth_part.shape
        talks = _ramp(lip_opening(neutral) - lip_opening(rest), TALKS)
        smiles = _ramp(lip_width(neutral) / max(lip_width(rest), 1e-6) - 1, SMILES)
        frowns = _ramp(abs(_brow_height(neutral) - _brow_height(self._brow_part.shape)), FROWNS)
        squints = _ramp(abs(float(self._lids.openness(neutral).mean()) - 1), SQUINTS)
        correction = (
            self._mouth_part.correction(neutral, max(talks, smiles))
            + self._brow_part.correction(neutral, frowns)
            + self._eye_part.correction(neutral, squints)
        )
        if not faces_camera:
            return correction
        resting = neutral + correction
        never_rested = max(_ramp(lip_opening(resting), PARTED), _ramp(lip_width(resting), WIDE))
        return correction + resting_mouth(resting, never_rested) - resting


def _measured(openness: Array) -> Array:
    """`Motion.lids` (2, 2) of openness (2,)."""
    return np.stack([openness, np.ones_like(openness)], 1)


def _brow_height(shape: Array) -> float:
    """Of both brows above the outer corners of the eyes, canonical units."""
    eyes, brows = shape[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER], 1], shape[[RIGHT_BROW_MIDDLE, LEFT_BROW_MIDDLE], 1]
    return float(eyes.mean() - brows.mean())


def _weight(motion: Motion) -> float:
    """0..1 how much a motion with a face teaches."""
    return motion.face_confidence if motion.head[2, 2] > MIN_FACING_COSINE else 0.0


def _nearness(deviation: float, tolerance: float) -> float:
    """1 at rest, falling to 0 over a few tolerances."""
    return math.exp(-((deviation / tolerance) ** 2))


def _ramp(value: float, limits: tuple[float, float]) -> float:
    """0 below the first limit, 1 above the second, and 3t² − 2t³ between."""
    return smooth_share(min(max((value - limits[0]) / (limits[1] - limits[0]), 0.0), 1.0))


def _near_brows() -> Array:
    """(478,) 0..1 which landmarks belong to the brows and the forehead above them."""
    brows = CANONICAL[[*RIGHT_BROW, *LEFT_BROW], :2]
    distance = np.linalg.norm(CANONICAL[:, None, :2] - brows, axis=-1).min(1)
    share = np.exp(-((distance / 0.12) ** 2)).astype(np.float32)
    share[MESH:] = 0
    return share
