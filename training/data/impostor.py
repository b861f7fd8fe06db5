"""Somebody else drives: the same motion told by landmarks of another face and body, so that whose they are tells
nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.geometry.openings import EYES, eye_share, mouth_share
from models.geometry.topology import head_pose

SHARE = 0.5  # of the samples that an impostor drives
SPREAD = 0.15  # a face's width, height, depth, mouth and eyes differ by so much at most
BONES = (0.8, 1.2)  # scale of bones (DreamActor-M1, Luo et al. 2025)


@dataclass(frozen=True)
class Impostor:
    """How other people differ from B drivers. scales (B, 6): width, height and depth of the head, sizes of mouth and
    eyes on it, bones of the body; all 1 = not at all.
    """

    scales: Tensor

    @staticmethod
    def of(scales: np.ndarray) -> Impostor:
        """From (B, 6) numbers."""
        return Impostor(torch.from_numpy(scales.astype(np.float32)))

    @staticmethod
    def nobody(count: int = 1) -> Impostor:
        """Each drives himself."""
        return Impostor.of(np.ones((count, 6)))

    @staticmethod
    def perhaps(rng: np.random.Generator, count: int = 1) -> Impostor:
        """Nobody else, or anybody, for each of so many."""
        scales = np.ones((count, 6))
        for row in scales:
            if rng.random() < SHARE:
                row[:5] = rng.uniform(1 - SPREAD, 1 + SPREAD, 5)
                row[5] = rng.uniform(*BONES)
        return Impostor.of(scales)

    @property
    def stretch(self) -> Tensor:
        """(B, 3) of the head's axes."""
        return self.scales[:, :3]

    @property
    def mouth(self) -> Tensor:
        return self.scales[:, 3]

    @property
    def eyes(self) -> Tensor:
        return self.scales[:, 4]

    @property
    def bones(self) -> Tensor:
        return self.scales[:, 5]

    @property
    def other(self) -> Tensor:
        """(B,) bool: whether it is somebody else."""
        return (self.scales != 1).any(1)

    def repeat(self, times: int) -> Impostor:
        """Each of the batch so many times in a row."""
        return Impostor(self.scales.repeat_interleave(times, 0))

    def to(self, device: torch.device) -> Impostor:
        """The same people on another device."""
        return Impostor(self.scales.to(device))

    def face(self, face: Tensor) -> Tensor:
        """The other's landmarks (B, 478, 3) where these are the driver's."""
        head = head_pose(face)
        local = head.inverse(face)
        parts = [(mouth_share(face.device), [61, 291], self.mouth)]
        for ring, iris in EYES:
            share = eye_share(ring, face.device).clone()
            share[iris : iris + 5] = 1  # an iris goes with its eye
            parts.append((share, [ring[0], ring[8]], self.eyes))
        for share, corners, size in parts:
            grown = (size[:, None] - 1) * share
            local = local + grown[..., None] * (local - local[:, corners].mean(1, keepdim=True))
        return head.apply(local * self.stretch[:, None])

    def body(self, body: Tensor) -> Tensor:
        """The other's joints (B, 33, 4): x, y, z and visibility, about the middle of the shoulders."""
        middle = body[:, 11:13, :3].mean(1, keepdim=True)
        return torch.cat([middle + self.bones[:, None, None] * (body[..., :3] - middle), body[..., 3:]], -1)
