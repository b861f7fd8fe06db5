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
@pytest.mark.parametrize("width", [7, 16, 37])  # a CPU converts 16 pixels at a time
def test_to_bytes_interleaves_channels(width: int, backend: str) -> None:
    planes = torch.rand(2, 4, 5, width) * 1.4 - 0.2
    for channels in (slice(3), slice(3, 4)):
        out = to_bytes(planes[:, channels], backend)
        assert out.shape == (2, 5, width, channels.stop - (channels.start or 0)) and out.is_contiguous()
        expected = (planes[:, channels] * 255 + 0.5).clamp(0, 255).byte()
        assert torch.equal(out.permute(0, 3, 1, 2), expected)
