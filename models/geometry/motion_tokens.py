"""The face's motion relative to the picture, as tokens for the network's cross-attention."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.config import MOTION_TOKEN_WIDTH
from models.geometry.constants import gather_rows
from models.geometry.retarget import Pose
from models.geometry.rig import Rig
from models.geometry.topology import (
    CHIN,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_IRIS,
    LEFT_LID,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_LIP_INNER,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_IRIS,
    RIGHT_LID,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_LIP_INNER,
)

CHEEKS_AND_JAW = (50, 280, 205, 425, 187, 411, CHIN, 149, 378)
# Factors that bring the channels of the motion tokens near 1.
CHANGE_GAIN, GAZE_GAIN, TURN_GAIN = 5, 10, 3


def motion_tokens(rig: Rig, pose: Pose) -> Tensor:
    """The motion relative to the picture's own face: (B, `MOTION_TOKENS`, `MOTION_TOKEN_WIDTH`), values near 1.

    The tokens are mouth, eyes, brows with cheeks and jaw, and head; unused channels are 0.
    """
    rest = rig.head.inverse(rig.face)
    change = (pose.local - rest) * CHANGE_GAIN

    def gaze(eye: tuple[int, ...], iris: int) -> Tensor:
        now, at_rest = (local[:, iris] - gather_rows(local, eye).mean(1) for local in (pose.local, rest))
        return (now - at_rest)[:, :2] * GAZE_GAIN

    def token(landmarks: tuple[int, ...], *extra: Tensor) -> Tensor:
        values = torch.cat([gather_rows(change, landmarks)[..., :2].flatten(1), *extra], 1)[:, :MOTION_TOKEN_WIDTH]
        return F.pad(values, (0, MOTION_TOKEN_WIDTH - values.shape[1]))

    lower = gather_rows(pose.local, (LOWER_LIP_INNER, RIGHT_LOWER_LID, LEFT_LOWER_LID))
    upper = gather_rows(pose.local, (UPPER_LIP_INNER, RIGHT_UPPER_LID, LEFT_UPPER_LID))
    gaps = (lower - upper)[..., 1] * CHANGE_GAIN  # (B, 3) of mouth, right eye, left eye
    gazes = gaze(RIGHT_LID, RIGHT_IRIS), gaze(LEFT_LID, LEFT_IRIS)
    shift = (pose.head.shift - rig.head.shift) / rig.head.scale[:, None]
    zoom = (pose.head.scale / rig.head.scale).clamp_min(1e-3).log()[:, None]
    turn = pose.rotation[:, :, :2].flatten(1) - torch.eye(3, device=pose.rotation.device)[:, :2].flatten()
    return torch.stack(
        [
            token(OUTER_LIPS[::2] + INNER_LIPS[::2], gaps[:, :1]),
            token(RIGHT_LID[::2] + LEFT_LID[::2], gaps[:, 1:], *gazes),
            token(RIGHT_BROW + LEFT_BROW + CHEEKS_AND_JAW),
            token((), turn * TURN_GAIN, shift, zoom, pose.head.rotation[:, :, :2].flatten(1)),
        ],
        1,
    )
