"""One place for each joint, of several guesses: the mean of those near the most central one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.geometry.limb_curve import FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS
from streamer.tracking.motion import Array

AGREEMENT = 0.3  # body sizes between the limbs of two guesses, median, up to which they mean the same pose
NEAR = 0.2  # body sizes around the most central guess of a joint within which guesses are averaged
LIMB_JOINTS = np.array([*FIRST_JOINTS, *SECOND_JOINTS, *THIRD_JOINTS])


def limb_distance(joints: Array, other: Array) -> float:
    """Median distance of the limbs' joints of two guesses (33, 4)."""
    return float(np.median(np.linalg.norm(joints[LIMB_JOINTS, :2] - other[LIMB_JOINTS, :2], axis=1)))


def central_mean(guesses: Array, counted: NDArray[np.bool_], size: float) -> tuple[Array, NDArray[np.floating]]:
    """Joints (33, D) of guesses (N, 33, D) whose first columns are x and y, and the share (33,) of the counted guesses
    of each that were averaged. counted (N, 33): at least one of each joint. size: of the body.
    """
    distances = np.linalg.norm(guesses[:, None, :, :2] - guesses[None, :, :, :2], axis=-1)  # (N, N, 33)
    far = np.minimum(distances, 2 * NEAR * size) * counted[:, None]
    central = np.where(counted, far.sum(0), np.inf).argmin(0)  # (33,)
    near = np.take_along_axis(distances, central[None, None], 1)[:, 0] < NEAR * size  # (N, 33)
    near &= counted
    mean = (guesses * near[..., None]).sum(0) / near.sum(0)[:, None]
    return mean.astype(np.float32), near.sum(0) / counted.sum(0)
