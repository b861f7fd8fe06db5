"""Tracked motions of several people as one batch of tensors on the device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch

from models.geometry.keep_in_frame import FrameBounds
from models.geometry.offsets import Offsets
from models.geometry.retarget import Strength
from models.halves import halves
from models.motion import Driver
from streamer.generation.controls import Controls
from streamer.generation.transfer import upload
from streamer.tracking.motion import Motion

# The fields of `Controls` that are one of `Strength`, too.
_STRENGTHS = ("head", "face", "body", "light", "teeth", "eyes", "brows", "mouth", "hands")
KEPT = 8  # batches whose controls are kept
_NO_BODY = np.zeros((33, 4), np.float32)
_OTHER_PARTS = ("hands", "torso", "shade", "mouth", "lids", "correction", "extras")  # of a motion, as in `Driver`


@dataclass(frozen=True, slots=True)
class DriverBatch:
    """The motion of B drivers: now, in their neutral, how strongly each picture follows it, and within what frame.

    bounds: None where heads may leave their frames. offsets: turns that are added to the drivers'; None: none.
    """

    current: Driver
    neutral: Driver
    strength: Strength
    bounds: FrameBounds | None = None
    offsets: Offsets | None = None

    @staticmethod
    def of(
        motions: Sequence[Motion],
        neutrals: Sequence[Motion],
        controls: Sequence[Controls],
        device: torch.device,
        bounds: FrameBounds | None = None,
    ) -> DriverBatch:
        """Upload B motions with their neutrals and controls. Raises ValueError for a motion without a face."""
        current, neutral = halves(to_driver([*motions, *neutrals], device, [one.mirror for one in controls] * 2))
        if device.type != "cpu":
            return DriverBatch(current, neutral, to_strength(controls, device), bounds, to_offsets(controls, device))
        strength, offsets = _on_cpu(tuple(controls))
        return DriverBatch(current, neutral, strength, bounds, offsets)


@lru_cache(maxsize=KEPT)
@torch.inference_mode(False)  # kept from an inference frame, the tensors must also be usable elsewhere
def _on_cpu(controls: tuple[Controls, ...]) -> tuple[Strength, Offsets]:
    """`to_strength` and `to_offsets`, which seldom change."""
    device = torch.device("cpu")
    return to_strength(controls, device), to_offsets(controls, device)


def to_strength(controls: Sequence[Controls], device: torch.device) -> Strength:
    """The strengths of B sessions as tensors (B,) on the device, `bones` (B, 4); `teeth` is 0 or 1."""
    rows = [(*(float(getattr(one, name)) for name in _STRENGTHS), *one.bones) for one in controls]
    uploaded = upload(torch.tensor(rows), device)
    values = uploaded[:, : len(_STRENGTHS)].unbind(-1)
    return Strength(bones=uploaded[:, len(_STRENGTHS) :], **dict(zip(_STRENGTHS, values, strict=True)))


def to_offsets(controls: Sequence[Controls], device: torch.device) -> Offsets:
    """The offsets of B sessions on the device. Degrees of the driver's own body become turns on the camera's axes,
    which mirroring turns around.
    """
    rows = []
    for one in controls:
        side = -1 if one.mirror else 1  # the driver's right is on the left of the camera's picture
        turn = -one.pitch, side * one.yaw, -side * one.roll
        rows.append([math.radians(degrees) for degrees in (*turn, -one.gaze_y, side * one.gaze_x)])
    turn, gaze = upload(torch.tensor(rows), device).split((3, 2), -1)
    return Offsets(turn, gaze)


def to_driver(motions: Sequence[Motion], device: torch.device | str, mirrored: Sequence[bool] = ()) -> Driver:
    """B motions, each with a face, as one `Driver` on the device; a body that was not detected has visibility 0.

    mirrored: for each, whether it is that of the driver's mirror image; empty: none is. Raises ValueError for a motion
    without a face, which `Presence.resolve` fills in before, and for motions whose parts differ in shape.
    """
    rows = [_parts_of(motion) for motion in motions]
    shapes = tuple(part.shape for part in rows[0])
    if any(part.shape != shape for row in rows for part, shape in zip(row, shapes, strict=True)):
        raise ValueError("motions differ in what they measure")
    # All in one tensor, which is uploaded once: dozens of small ones cost more than retargeting.
    values = np.concatenate([part.ravel() for row in rows for part in row], dtype=np.float32).reshape(len(rows), -1)
    for row, is_mirrored in zip(values, mirrored or [False] * len(values), strict=True):
        if is_mirrored:
            source, sign = _mirror(shapes)
            row[:] = row[source] * sign
    parts = upload(torch.from_numpy(values), torch.device(device)).split([math.prod(shape) for shape in shapes], 1)
    return Driver(*(part.view(-1, *shape) for part, shape in zip(parts, shapes, strict=True)))


def _parts_of(motion: Motion) -> tuple[np.ndarray, ...]:
    """The parts of a motion in the order of the fields of `Driver`."""
    if motion.face is None:
        raise ValueError("a motion without a face cannot be drawn")
    body = _NO_BODY if motion.body is None else motion.body
    return motion.face, body, *(getattr(motion, name) for name in _OTHER_PARTS)


@cache
def _mirror(shapes: tuple[tuple[int, ...], ...]) -> tuple[np.ndarray, np.ndarray]:
    """`Motion.mirrored` of a motion whose parts of these shapes lie one after another: from where each number comes,
    and its factor, 1 or −1.
    """
    numbers = np.arange(1, sum(map(math.prod, shapes)) + 1, dtype=np.float32)  # all of them exact
    pieces = np.split(numbers, np.cumsum([math.prod(shape) for shape in shapes])[:-1])
    face, body, *others = (piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True))
    named: dict[str, Any] = dict(zip(_OTHER_PARTS, others, strict=True))
    motion = Motion(0.0, face, body=body, **named)
    moved = np.concatenate([part.ravel() for part in _parts_of(motion.mirrored())])
    return np.abs(moved).astype(np.int64) - 1, np.sign(moved)
