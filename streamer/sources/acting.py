"""Puts an expression into a driver's motion, so that whatever follows sees one motion and need not know its sources."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import torch

from models.geometry.expressions import INDEX
from models.geometry.face_regions import region_shares
from models.geometry.offsets import NECK
from models.geometry.topology import LEFT_LID, LEFT_MOUTH_CORNER, RIGHT_LID, RIGHT_MOUTH_CORNER
from streamer.sources.expression import EYES, MOUTH, Array, Expression, blendshapes, bounds
from streamer.sources.mouth_corners import CORNERS, corner_weights
from streamer.sources.raised_arms import with_raised_arms
from streamer.tracking.eyelids import close_lids
from streamer.tracking.head_pose import CANONICAL, head_pose, rotation_matrix, rotation_vector
from streamer.tracking.motion import Motion

# Weight and lids of each eye, and the weights of both that open them further, in the order of `Motion.lids`.
BLINKS = ((INDEX["eyeBlink_R"], RIGHT_LID), (INDEX["eyeBlink_L"], LEFT_LID))
WIDENED = (INDEX["eyeWide_R"], INDEX["eyeWide_L"])
WIDE_SHARE = 0.25  # of its usual openness by which an eye opens further at weight 1


def act_out(motion: Motion, neutral: Motion, expression: Expression) -> tuple[Motion, Motion]:
    """The driver's motion with an expression, which is scaled to their own face, and the neutral to measure it against.

    motion, neutral: of one driver, both with a face. Both are returned smaller where a raised arm would leave the
    camera's picture, since joints out there count as not seen; sizes alone mean nothing. An expression that changes
    nothing returns them as they are. Raises ValueError where there is no face.
    """
    if expression.is_rest:
        return motion, neutral
    if motion.face is None or neutral.face is None:
        raise ValueError("only a motion with a face can act")
    pose, rest_pose = head_pose(motion.face), head_pose(neutral.face)
    rest = rest_pose.inverse(neutral.face) + neutral.correction
    shape = _expressed(pose.inverse(motion.face), rest, expression)
    moved = rotation_vector(rest_pose.rotation.T @ pose.rotation)  # by the driver, away from the neutral
    turn = rotation_matrix(expression.turn + np.float32(expression.head - 1) * moved)
    neck = np.array(NECK)
    face = pose.apply(((shape - neck) @ turn.T + neck).astype(np.float32))
    acted = replace(
        motion, face=face, head=head_pose(face).rotation, lids=_lids(motion.lids, expression),
        mouth=motion.mouth * np.float32(min(float(expression.kept[MOUTH]), 1.0)), extras=expression.extras.clip(0, 1),
    )  # fmt: skip
    return with_raised_arms(acted, neutral, expression) if expression.raised.any() else (acted, neutral)


def _expressed(shape: Array, rest: Array, expression: Expression) -> Array:
    """A shape (478, 3) in canonical units with what the expression keeps of it and adds."""
    size = _mouth_width(rest) / _mouth_width(CANONICAL)
    shares = _shares()
    kept = 1 + (expression.kept - 1) @ shares
    growth = 1 + shares[MOUTH] * (size - 1)
    added = np.tensordot(_with_own_corners(expression, (shape - rest) / size), blendshapes(), 1)
    shape = rest + kept[:, None] * (shape - rest) + growth[:, None] * added
    for blink, ring in BLINKS:
        shape = close_lids(shape, min(float(expression.weights[blink]), 1.0), (ring,))
    return shape.astype(np.float32)


def _with_own_corners(expression: Expression, change: Array) -> Array:
    """The expression's weights, and what stays of the corners of the driver's mouth where it takes their mouth away.

    change: (478, 3) of their shape, canonical units of a mouth as wide as the canonical one.
    """
    stays = expression.corners_kept - float(expression.kept[MOUTH])
    if stays <= 0:
        return expression.weights
    weights = expression.weights.copy()
    weights[list(CORNERS)] += stays * corner_weights(change)
    return weights.clip(-bounds(), bounds())


@cache
def _shares() -> Array:
    """(3, 478), see `region_shares`."""
    return region_shares(torch.device("cpu")).numpy()


def _mouth_width(shape: Array) -> float:
    return float(np.linalg.norm(shape[RIGHT_MOUTH_CORNER] - shape[LEFT_MOUTH_CORNER]))


def _lids(lids: Array, expression: Expression) -> Array:
    """Openness of the driver's eyes (2, 2), closed and widened as the expression has it."""
    weights = expression.weights
    openness = np.maximum(1 + expression.kept[EYES] * (lids[:, 0] - 1), 0)  # a blink that is amplified is shut
    openness = openness + WIDE_SHARE * weights[list(WIDENED)]
    openness = openness * (1 - weights[[blink for blink, _ in BLINKS]].clip(0, 1))
    return np.stack([openness, lids[:, 1]], 1).astype(np.float32)
