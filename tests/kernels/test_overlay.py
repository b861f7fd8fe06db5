"""Windows painted over pictures: the formula, and each backend against the reference."""

import pytest
import torch

from kernels.overlay import overlay, reference
from tests.kernels.triton_process import devices

SIZE = 40
cpu_backends = pytest.mark.parametrize("backend", ["reference", "numba"])


def windows(device: str = "cpu") -> torch.Tensor:
    """Five windows (5, 6): upright, rotated, across a corner of the picture, mirrored, and outside of it. No pixel
    centre lies on an edge, where rounding would decide.
    """
    across = torch.tensor([[0.4, 0.0], [0.3, 0.2], [0.5, -0.1], [-0.35, 0.1], [0.2, 0.0]])
    down = torch.stack([-across[:, 1], across[:, 0]], 1)
    down[3] = -down[3]
    centre = torch.tensor([[0.0, 0.1], [-0.2, 0.302], [0.953, -0.907], [0.1, 0.013], [3.0, 3.0]])
    return torch.cat([centre, across, down], 1).to(device)


def case(device: str = "cpu", size: int = SIZE) -> tuple[torch.Tensor, ...]:
    """picture, window, cover, paint."""
    random = torch.Generator().manual_seed(4)
    parts = [torch.rand(5, channels, side, side, generator=random) for channels, side in ((4, size), (1, 12), (3, 12))]
    picture, cover, paint = (part.to(device) for part in parts)
    return picture, windows(device), cover, paint


@cpu_backends
def test_overlay_paints_by_cover_and_alpha_inside_the_window(backend: str) -> None:
    picture, window, cover, paint = case()
    before = picture.clone()
    overlay(picture, window, torch.full_like(cover, 0.5), torch.ones_like(paint), backend)
    half = before[:, :3] + 0.5 * before[:, 3:] * (1 - before[:, :3])
    middle = slice(14, 24), slice(14, 24)  # inside the first window
    assert torch.allclose(picture[0, :3][:, *middle], half[0][:, *middle], atol=1e-6)
    assert torch.equal(picture[:, 3], before[:, 3])
    assert torch.equal(picture[0, :, :10], before[0, :, :10]) and torch.equal(picture[4], before[4])


@cpu_backends
def test_paint_follows_the_axes_of_the_window(backend: str) -> None:
    picture, window, cover, _ = case()
    picture[:, :3], picture[:, 3] = 0, 1
    ramp = torch.linspace(0, 1, 12).expand(5, 3, 12, 12)
    overlay(picture, window, torch.ones_like(cover), ramp, backend)
    row = picture[0, 0, 20]
    assert bool((row[13:27].diff() > 0).all())  # to the right in an upright window
    assert bool((picture[3, 0, 20, 15:27].diff() < 0).all())  # to the left in a mirrored one


@pytest.mark.parametrize("covered", [slice(0, 12), slice(4, 6), slice(0, 1), slice(11, 12), slice(0, 0)], ids=str)
def test_numba_equals_the_reference(covered: slice) -> None:
    picture, window, cover, paint = case()
    part = torch.zeros_like(cover)
    part[..., covered, 3:11] = cover[..., covered, 3:11]
    before, expected = picture.clone(), picture.clone()
    reference.overlay(expected, window, part, paint)
    overlay(picture, window, part, paint, backend="numba")
    assert torch.allclose(picture, expected, atol=1e-5)
    assert torch.equal(before, picture) == (covered.stop == 0)


def test_windows_with_nan_or_infinity_cover_nothing() -> None:
    picture, window, *rest = case()
    before = picture.clone()
    window[0], window[1] = torch.nan, torch.inf
    overlay(picture[:2], window[:2], *(part[:2] for part in rest), backend="numba")
    assert torch.equal(picture[:2], before[:2])


@devices
@pytest.mark.parametrize("size", [16, 33, SIZE])
def test_triton_equals_the_reference(size: int, device: str) -> None:
    picture, *rest = case(device, size)
    expected = picture.double()
    reference.overlay(expected, *(part.double() for part in rest))
    overlay(picture, *rest, backend="triton")
    assert float((picture - expected).norm() / expected.norm()) < 1e-5


def test_overlay_refuses_pictures_and_sizes_that_do_not_fit() -> None:
    picture, *rest = case()
    with pytest.raises(ValueError, match="the picture must be contiguous"):
        overlay(picture.transpose(2, 3), *rest)
    with pytest.raises(ValueError, match=r"5 pictures want as many windows .* got \(5, 6\), \(4, 1, 12, 12\), \(5, 3,"):
        overlay(picture, rest[0], rest[1][:4], rest[2])
