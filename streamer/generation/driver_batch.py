"""Tracked motions of several people as one batch of tensors on the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from models.motion import Driver
from streamer.generation.transfer import upload
from streamer.tracking.motion import Array, Motion


def to_driver(motions: Sequence[Motion], device: torch.device | str) -> Driver:
    """B motions, each with a face, as one `Driver` on the device; a body not seen has visibility 0.

    Raises ValueError for a motion without a face: `Presence.resolve` fills it in before.
    """
    faces, bodies = [], []
    for motion in motions:
        if motion.face is None:
            raise ValueError("a motion without a face cannot be drawn")
        faces.append(motion.face)
        bodies.append(np.zeros((33, 4), np.float32) if motion.body is None else motion.body)

    def tensor(values: Sequence[Array]) -> torch.Tensor:
        return upload(torch.from_numpy(np.stack(values).astype(np.float32, copy=False)), torch.device(device))

    rest = ([getattr(motion, name) for motion in motions] for name in ("hands", "torso", "shade", "mouth"))
    return Driver(tensor(faces), tensor(bodies), *(tensor(values) for values in rest))
