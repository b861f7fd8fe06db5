"""Tracked motions of several people as one batch of tensors on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from models.geometry.keep_in_frame import FrameBounds
from models.geometry.retarget import Strength
from models.motion import Driver
from streamer.generation.controls import Controls, mirrored_if
from streamer.generation.transfer import upload
from streamer.tracking.motion import Array, Motion


@dataclass(frozen=True, slots=True)
class DriverBatch:
    """The motion of B drivers: now, in their neutral, how strongly each picture follows it, and within what frame.

    bounds: None where heads may leave their frames.
    """

    current: Driver
    neutral: Driver
    strength: Strength
    bounds: FrameBounds | None = None

    @staticmethod
    def of(
        motions: Sequence[Motion],
        neutrals: Sequence[Motion],
        controls: Sequence[Controls],
        device: torch.device,
        bounds: FrameBounds | None = None,
    ) -> DriverBatch:
        """Upload B motions with their neutrals and controls. Raises ValueError for a motion without a face."""
        current = to_driver([mirrored_if(m, c.mirror) for m, c in zip(motions, controls, strict=True)], device)
        neutral = to_driver([mirrored_if(m, c.mirror) for m, c in zip(neutrals, controls, strict=True)], device)
        return DriverBatch(current, neutral, to_strength(controls, device), bounds)


def to_strength(controls: Sequence[Controls], device: torch.device) -> Strength:
    """The strengths of B sessions as tensors (B,) on the device, `bones` (B, 4); `teeth` is 0 or 1."""

    def per_session(values: Sequence[float | tuple[float, ...]]) -> torch.Tensor:
        return upload(torch.tensor(values), device)

    return Strength(
        head=per_session([one.head for one in controls]),
        face=per_session([one.face for one in controls]),
        body=per_session([one.body for one in controls]),
        light=per_session([one.light for one in controls]),
        teeth=per_session([float(one.teeth) for one in controls]),
        bones=per_session([one.bones for one in controls]),
    )


def to_driver(motions: Sequence[Motion], device: torch.device | str) -> Driver:
    """B motions, each with a face, as one `Driver` on the device; a body that was not detected has visibility 0.

    Raises ValueError for a motion without a face, which `Presence.resolve` fills in before.
    """
    faces, bodies = [], []
    for motion in motions:
        if motion.face is None:
            raise ValueError("a motion without a face cannot be drawn")
        faces.append(motion.face)
        bodies.append(np.zeros((33, 4), np.float32) if motion.body is None else motion.body)

    def tensor(values: Sequence[Array]) -> torch.Tensor:
        return upload(torch.from_numpy(np.stack(values).astype(np.float32, copy=False)), torch.device(device))

    names = ("hands", "torso", "shade", "mouth", "lids", "correction")
    rest = ([getattr(motion, name) for motion in motions] for name in names)
    return Driver(tensor(faces), tensor(bodies), *(tensor(values) for values in rest))
