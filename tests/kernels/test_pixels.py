"""Planes become bytes."""

import pytest
import torch

from kernels.pixels import to_bytes

both = pytest.mark.parametrize("backend", ["reference", "numba"])


@both
def test_bytes_are_rounded_and_clamped(backend: str) -> None:
    planes = torch.tensor([0.0, 1.0, -3.0, 7.0, 100.4 / 255, 100.6 / 255]).view(1, 1, 2, 3)
    assert to_bytes(planes, backend).flatten().tolist() == [0, 255, 0, 255, 100, 101]


@both
def test_pixels_lie_together(backend: str) -> None:
    planes = torch.rand(2, 4, 5, 7)
    out = to_bytes(planes[:, :3], backend)
    assert out.shape == (2, 5, 7, 3) and out.is_contiguous()
    assert torch.equal(out.permute(0, 3, 1, 2), (planes[:, :3] * 255 + 0.5).byte())
