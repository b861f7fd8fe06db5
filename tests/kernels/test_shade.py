"""Changing the light of pictures: the formula, and each backend against the reference."""

import pytest
import torch

from kernels.shade import SPECULAR_REFLECTANCE, reference, shade
from tests.kernels.triton_process import devices

SIZE = 40
cpu_backends = pytest.mark.parametrize("backend", ["reference", "numba"])


def case(device: str = "cpu", size: int = SIZE, gains: int = 1) -> tuple[torch.Tensor, ...]:
    """picture, gain, box; gains: for all colours at once, or for each of the three. The boxes lie in the
    middle, across a corner, and over the whole canvas.
    """
    random = torch.Generator().manual_seed(4)
    picture, gain = torch.rand(3, 4, size, size, generator=random), torch.rand(3, gains, 12, 12, generator=random) + 0.5
    gain[:, :, :3], gain[:, :, :, 9:] = 1, 1
    box = torch.tensor([[0.1, -0.2, 0.6], [0.7, 0.6, 0.5], [0.0, 0.0, 1.0]])
    return picture.to(device), gain.to(device), box.to(device)


@cpu_backends
def test_shade_changes_colours_by_gain_and_alpha_inside_the_box(backend: str) -> None:
    picture, gain, box = case()
    before = picture.clone()
    shade(picture, torch.full_like(gain, 0.5), box, backend)
    middle = slice(18, 26), slice(14, 22)  # inside all but the second box
    for k in (0, 2):
        half = before[k, :3] - 0.5 * before[k, 3:] * (before[k, :3] + SPECULAR_REFLECTANCE)
        assert torch.allclose(picture[k, :3][:, *middle], half[:, *middle].clamp_min(0), atol=1e-6)
    assert torch.equal(picture[:, 3], before[:, 3])
    assert torch.equal(picture[1, :, :20], before[1, :, :20])  # beyond the box


@cpu_backends
def test_a_gain_of_1_changes_nothing(backend: str) -> None:
    picture, gain, box = case()
    before = picture.clone()
    shade(picture, torch.ones_like(gain), box, backend)
    assert torch.allclose(picture, before, atol=1e-6)


@cpu_backends
def test_shade_clamps_colours(backend: str) -> None:
    for factor, extreme in ((8.0, 1), (0.1, 0)):
        picture, gain, _ = case()
        shade(picture, torch.full_like(gain, factor), backend=backend)
        reached = picture[:, :3].aminmax()
        assert extreme in (reached.min, reached.max) and reached.min >= 0 and reached.max <= 1


@pytest.mark.parametrize("gains", [1, 3])
@pytest.mark.parametrize("boxed", [False, True])
def test_numba_equals_the_reference(boxed: bool, gains: int) -> None:
    picture, gain, box = case(gains=gains)
    expected = picture.clone()
    reference.shade(expected, gain, box if boxed else None)
    shade(picture, gain, box if boxed else None, "numba")
    assert torch.allclose(picture, expected, atol=1e-5)


@devices
@pytest.mark.parametrize("size", [16, 33, SIZE])
@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("gains", [1, 3])
def test_triton_equals_the_reference(size: int, boxed: bool, gains: int, device: str) -> None:
    picture, gain, box = case(device, size, gains)
    expected = picture.double()
    reference.shade(expected, gain.double(), box.double() if boxed else None)
    shade(picture, gain, box if boxed else None, "triton")
    assert float((picture - expected).norm() / expected.norm()) < 1e-5


@cpu_backends
def test_each_colour_has_its_own_gain(backend: str) -> None:
    picture, gain, box = case(gains=3)
    each = [picture.clone() for _ in range(3)]
    for k, one in enumerate(each):
        shade(one, gain[:, k : k + 1], box, backend)
    shade(picture, gain, box, backend)
    assert torch.allclose(picture[:, :3], torch.stack([one[:, k] for k, one in enumerate(each)], 1), atol=1e-6)


def test_shade_refuses_pictures_and_sizes_that_do_not_fit() -> None:
    picture, gain, box = case()
    with pytest.raises(ValueError, match="the picture must be contiguous"):
        shade(picture.transpose(2, 3), gain, box)
    with pytest.raises(ValueError, match=r"3 pictures want as many square gains, and boxes, got \(2, 1, 12, 12\), \(3"):
        shade(picture, gain[:2], box)
