"""Planes of floats converted to interleaved bytes."""

import pytest
import torch

from kernels.pixels import to_bytes

cpu_backends = pytest.mark.parametrize("backend", ["reference", "numba"])


@cpu_backends
def test_to_bytes_rounds_and_clamps(backend: str) -> None:
    planes = torch.tensor([0.0, 1.0, -3.0, 7.0, 100.4 / 255, 100.6 / 255]).view(1, 1, 2, 3)
    assert to_bytes(planes, backend).flatten().tolist() == [0, 255, 0, 255, 100, 101]


@cpu_backends
def test_to_bytes_interleaves_channels(backend: str) -> None:
    planes = torch.rand(2, 4, 5, 7)
    out = to_bytes(planes[:, :3], backend)
    assert out.shape == (2, 5, 7, 3) and out.is_contiguous()
    assert torch.equal(out.permute(0, 3, 1, 2), (planes[:, :3] * 255 + 0.5).byte())
