"""Augmentation of the driver: the same motion with the proportions of another face and body.

The network then cannot infer the drawn character's shape from the driver's landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.geometry.body import SHOULDERS
from models.geometry.openings import EYES, eye_share, mouth_share
from models.geometry.topology import LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER, head_pose

IMPOSTOR_SHARE = 0.5  # of the samples whose driver has other proportions
FACE_SCALE_SPREAD = 0.15  # largest relative change of a face's width, height, depth, mouth and eyes
BONE_SCALE_RANGE = (0.8, 1.2)  # scale of bones (bone length augmentation of DreamActor-M1, Luo et al. 2025)


@dataclass(frozen=True)
class Impostor:
    """Proportions of B drivers relative to the characters.

    scales (B, 6): width, height and depth of the head, sizes of mouth and eyes on it, bones of the body; 1 = unchanged.
    """

    scales: Tensor

    @staticmethod
    def from_array(scales: np.ndarray) -> Impostor:
        """From an array (B, 6)."""
        return Impostor(torch.from_numpy(scales.astype(np.float32)))

    @staticmethod
    def unchanged(count: int = 1) -> Impostor:
        """`count` drivers with the characters' own proportions."""
        return Impostor.from_array(np.ones((count, 6)))

    @staticmethod
    def random(rng: np.random.Generator, count: int = 1) -> Impostor:
        """`count` drivers, of which IMPOSTOR_SHARE have random proportions."""
        scales = np.ones((count, 6))
        for row in scales:
            if rng.random() < IMPOSTOR_SHARE:
                row[:5] = rng.uniform(1 - FACE_SCALE_SPREAD, 1 + FACE_SCALE_SPREAD, 5)
                row[5] = rng.uniform(*BONE_SCALE_RANGE)
        return Impostor.from_array(scales)

    @property
    def stretch(self) -> Tensor:
        """Scales (B, 3) of the head's axes."""
        return self.scales[:, :3]

    @property
    def mouth(self) -> Tensor:
        """Scale (B,) of the mouth."""
        return self.scales[:, 3]

    @property
    def eyes(self) -> Tensor:
        """Scale (B,) of the eyes."""
        return self.scales[:, 4]

    @property
    def bones(self) -> Tensor:
        """Scale (B,) of the bones."""
        return self.scales[:, 5]

    @property
    def is_changed(self) -> Tensor:
        """(B,) bool: whether the proportions are changed."""
        return (self.scales != 1).any(1)

    def repeat(self, times: int) -> Impostor:
        """Each driver repeated `times` times in a row."""
        return Impostor(self.scales.repeat_interleave(times, 0))

    def to(self, device: torch.device) -> Impostor:
        """The same proportions on another device."""
        return Impostor(self.scales.to(device))

    def face(self, face: Tensor) -> Tensor:
        """Landmarks (B, 478, 3) with the proportions changed."""
        head = head_pose(face)
        local = head.inverse(face)
        parts = [(mouth_share(face.device), [RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER], self.mouth)]
        for ring, iris in EYES:
            share = eye_share(ring, face.device).clone()
            share[iris : iris + 5] = 1  # an iris scales with its eye
            parts.append((share, [ring[0], ring[8]], self.eyes))
        for share, corners, size in parts:
            grown = (size[:, None] - 1) * share
            local = local + grown[..., None] * (local - local[:, corners].mean(1, keepdim=True))
        return head.apply(local * self.stretch[:, None])

    def body(self, body: Tensor) -> Tensor:
        """Joints (B, 33, 4), x, y, z and visibility, scaled about the midpoint of the shoulders."""
        middle = body[:, SHOULDERS, :3].mean(1, keepdim=True)
        return torch.cat([middle + self.bones[:, None, None] * (body[..., :3] - middle), body[..., 3:]], -1)
