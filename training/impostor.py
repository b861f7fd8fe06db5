"""Somebody else drives: the same motion told by landmarks of another face and body, so that whose they are tells
nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.openings import EYES, eye_share, mouth_share
from models.topology import head_frame

SHARE = 0.5  # of the samples that an impostor drives
SPREAD = 0.15  # a face's width, height, depth, mouth and eyes differ by so much at most
BONES = (0.8, 1.2)  # scale of bones (DreamActor-M1, Luo et al. 2025)


@dataclass(frozen=True)
class Impostor:
    """How another person differs. stretch: of the head's axes; mouth, eyes: sizes of features on it; bones: of the
    body; all 1 = not at all.
    """

    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)
    mouth: float = 1.0
    eyes: float = 1.0
    bones: float = 1.0

    @staticmethod
    def perhaps(rng: np.random.Generator) -> Impostor:
        """Nobody else, or anybody."""
        if rng.random() >= SHARE:
            return Impostor()
        x, y, z, mouth, eyes = (float(v) for v in rng.uniform(1 - SPREAD, 1 + SPREAD, 5))
        return Impostor((x, y, z), mouth, eyes, float(rng.uniform(*BONES)))

    def face(self, face: Tensor) -> Tensor:
        """The other's landmarks (B, 478, 3) where these are the driver's."""
        frame = head_frame(face)
        local = frame.undo(face)
        parts = [(mouth_share(face.device), [61, 291], self.mouth)]
        for ring, iris in EYES:
            share = eye_share(ring, face.device).clone()
            share[iris : iris + 5] = 1  # an iris goes with its eye
            parts.append((share, [ring[0], ring[8]], self.eyes))
        for share, corners, size in parts:
            local = local + (size - 1) * share[:, None] * (local - local[:, corners].mean(1, keepdim=True))
        return frame.apply(local * local.new_tensor(self.stretch))

    def body(self, body: Tensor) -> Tensor:
        """The other's joints (B, 33, 4): x, y, z and visibility, about the middle of the shoulders."""
        middle = body[:, 11:13, :3].mean(1, keepdim=True)
        return torch.cat([middle + self.bones * (body[..., :3] - middle), body[..., 3:]], -1)
