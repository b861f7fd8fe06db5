"""Pinhole cameras of many pictures at once, on any device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.render.device.device_figure import Device
from training.render.scene.scene import Camera


@dataclass(frozen=True)
class CameraBatch:
    """P pinhole cameras, as `scene.Camera`. values (P, 5): focal, distance, height, offset x, y."""

    values: Tensor

    @classmethod
    def pack(cls, cameras: Sequence[Camera], device: Device) -> CameraBatch:
        """Stack cameras on a device."""
        rows = [(c.focal, c.distance, c.height, *c.offset) for c in cameras]
        return cls(torch.tensor(rows, dtype=torch.float32, device=device))

    def pick(self, index: Tensor) -> CameraBatch:
        """The cameras with these indices (K,)."""
        return CameraBatch(self.values[index])

    @property
    def eye(self) -> Tensor:
        """World positions (P, 3), cm."""
        _, distance, height, _, _ = self.values.unbind(1)
        return torch.stack([torch.zeros_like(height), height, distance], 1)

    def _project(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Canvas x, y of world points (P, N, 3), and their depth, cm, each (P, N)."""
        focal, distance, height, x, y = self.values[:, :, None].unbind(1)
        z = distance - points[..., 2]
        return focal * points[..., 0] / z + x, -focal * (points[..., 1] - height) / z + y, z

    def canvas(self, points: Tensor) -> Tensor:
        """As `Camera.canvas`, (P, N, 3)."""
        x, y, _ = self._project(points)
        return torch.stack([x, y, -points[..., 2] * (self.values[:, 0] / self.values[:, 1])[:, None]], 2)

    def screen(self, points: Tensor, side: int) -> Tensor:
        """As `Camera.screen`, (P, N, 3)."""
        x, y, z = self._project(points)
        inverse = torch.where(z > 1, 1 / z.clamp_min(1), 0)
        return torch.stack([(x + 1) * (side / 2), (y + 1) * (side / 2), inverse], 2)
