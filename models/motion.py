"""The motion of drivers as tensors, batched over sessions."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

MOUTH_ROWS, MOUTH_COLUMNS = 16, 48  # cells of `Driver.mouth`: from lip to lip, and from corner to corner
SHADE_SIDE = 32  # cells along a side of `Driver.shade`
EXTRAS = 2  # of a face, beyond its landmarks: the tongue, a blush


@dataclass(frozen=True)
class Driver:
    """One frame of motion of each of B drivers, camera units (docs/types.md).

    face: (B, 478, 3) landmarks.
    body: (B, 33, 4) joints: x, y, z, visibility 0..1.
    hands: (B, 2, 21, 4) joints of the left and the right hand: x, y, z, confidence 0..1.
    torso: (B, 2, 4) two points on the clothes: x, y, keyframe, confidence 0..1.
    shade: (B, n, n, 2) brightness of the skin on the square of `models/geometry/shading.py`, n = `SHADE_SIDE`: its
        log relative to the driver's usual brightness, premultiplied by a weight 0..1, and the weight.
    mouth: (B, h, w, 4) the inside of an open mouth, h = `MOUTH_ROWS` from lip to lip and w = `MOUTH_COLUMNS` from
        corner to corner: RGB over the white point of the driver's light, premultiplied by a weight 0..1, and the
        weight.

    lids: (B, 2, 2) of the right and of the left eye: openness in the driver's own range, 0 = shut, 1 = as usual for
        them, and its weight 0..1.
    correction: (B, 478, 3) of a neutral: what to add to its shape, canonical units, to have the driver's usual one.
    extras: (B, 2) 0..1, what no landmark has: how far the tongue is out, and how much the cheeks blush.

    All from torso on may be left out: they are then zero, which means not measured, or none.
    """

    face: Tensor
    body: Tensor
    hands: Tensor
    torso: Tensor = None  # type: ignore[assignment]  # never None after __post_init__
    shade: Tensor = None  # type: ignore[assignment]  # never None after __post_init__
    mouth: Tensor = None  # type: ignore[assignment]  # never None after __post_init__
    lids: Tensor = None  # type: ignore[assignment]  # never None after __post_init__
    correction: Tensor = None  # type: ignore[assignment]  # never None after __post_init__
    extras: Tensor = None  # type: ignore[assignment]  # never None after __post_init__

    def __post_init__(self) -> None:
        if self.torso is None:
            object.__setattr__(self, "torso", self.face.new_zeros(len(self.face), 2, 4))
        if self.shade is None:
            object.__setattr__(self, "shade", self.face.new_zeros(len(self.face), SHADE_SIDE, SHADE_SIDE, 2))
        if self.mouth is None:
            object.__setattr__(self, "mouth", self.face.new_zeros(len(self.face), MOUTH_ROWS, MOUTH_COLUMNS, 4))
        if self.lids is None:
            object.__setattr__(self, "lids", self.face.new_zeros(len(self.face), 2, 2))
        if self.correction is None:
            object.__setattr__(self, "correction", torch.zeros_like(self.face))
        if self.extras is None:
            object.__setattr__(self, "extras", self.face.new_zeros(len(self.face), EXTRAS))

    @staticmethod
    def of_face(face: Tensor) -> Driver:
        """Drivers of whom only the face (B, 478, 3) is measured."""
        return Driver(face, face.new_zeros(len(face), 33, 4), face.new_zeros(len(face), 2, 21, 4))

    def to(self, device: torch.device | str) -> Driver:
        """The same motion on another device."""
        return Driver(*(getattr(self, f.name).to(device) for f in fields(self)))

    @staticmethod
    def stack(drivers: list[Driver]) -> Driver:
        """One batch of several."""
        return Driver(*(torch.cat([getattr(d, f.name) for d in drivers]) for f in fields(Driver)))
