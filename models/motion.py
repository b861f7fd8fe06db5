"""A driver's motion on the device, batched over sessions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Driver:
    """One frame of motion of each of B drivers, camera units (docs/architecture.md).

    face (B, 478, 3). body (B, 33, 4): x, y, z, visibility 0..1. hands (B, 2, 21, 4): x, y, z, confidence 0..1.
    """

    face: Tensor
    body: Tensor
    hands: Tensor

    @staticmethod
    def of_face(face: Tensor) -> Driver:
        """A driver of whom only the face (B, 478, 3) is seen."""
        return Driver(face, face.new_zeros(len(face), 33, 4), face.new_zeros(len(face), 2, 21, 4))

    def to(self, device: torch.device | str) -> Driver:
        """The same motion on another device."""
        return Driver(self.face.to(device), self.body.to(device), self.hands.to(device))

    @staticmethod
    def stack(drivers: list[Driver]) -> Driver:
        """One batch of several."""
        return Driver(*(torch.cat([getattr(d, name) for d in drivers]) for name in ("face", "body", "hands")))
