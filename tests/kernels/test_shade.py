"""Light laid over pictures against its own words."""

import pytest
import torch

from kernels.shade import SPECULAR_REFLECTANCE, reference, shade
from tests.kernels.triton_process import devices

SIZE = 40
both = pytest.mark.parametrize("backend", ["reference", "numba"])


def case(device: str = "cpu", size: int = SIZE) -> tuple[torch.Tensor, ...]:
    """picture, gain, box: three in the middle, beyond a corner, and as large as the canvas."""
    random = torch.Generator().manual_seed(4)
    picture, gain = torch.rand(3, 4, size, size, generator=random), torch.rand(3, 1, 12, 12, generator=random) + 0.5
    gain[:, :, :3], gain[:, :, :, 9:] = 1, 1
    box = torch.tensor([[0.1, -0.2, 0.6], [0.7, 0.6, 0.5], [0.0, 0.0, 1.0]])
    return picture.to(device), gain.to(device), box.to(device)


@both
def test_colours_are_multiplied_as_far_as_there_is_a_person(backend: str) -> None:
    picture, gain, box = case()
    before = picture.clone()
    shade(picture, torch.full_like(gain, 0.5), box, backend)
    middle = slice(18, 26), slice(14, 22)  # inside all but the second box
    for k in (0, 2):
        half = before[k, :3] - 0.5 * before[k, 3:] * (before[k, :3] + SPECULAR_REFLECTANCE)
        assert torch.allclose(picture[k, :3][:, *middle], half[:, *middle].clamp_min(0), atol=1e-6)
    assert torch.equal(picture[:, 3], before[:, 3])
    assert torch.equal(picture[1, :, :20], before[1, :, :20])  # beyond the box


@both
def test_no_light_changes_nothing(backend: str) -> None:
    picture, gain, box = case()
    before = picture.clone()
    shade(picture, torch.ones_like(gain), box, backend)
    assert torch.allclose(picture, before, atol=1e-6)


@both
def test_nothing_is_lighter_than_white_or_darker_than_black(backend: str) -> None:
    for factor, extreme in ((8.0, 1), (0.1, 0)):
        picture, gain, _ = case()
        shade(picture, torch.full_like(gain, factor), backend=backend)
        reached = picture[:, :3].aminmax()
        assert extreme in (reached.min, reached.max) and reached.min >= 0 and reached.max <= 1


@pytest.mark.parametrize("boxed", [False, True])
def test_numba_draws_what_torch_draws(boxed: bool) -> None:
    picture, gain, box = case()
    theirs = picture.clone()
    reference.shade(theirs, gain, box if boxed else None)
    shade(picture, gain, box if boxed else None, "numba")
    assert torch.allclose(picture, theirs, atol=1e-5)


@devices
@pytest.mark.parametrize("size", [16, 33, SIZE])
@pytest.mark.parametrize("boxed", [False, True])
def test_triton_draws_what_torch_draws(size: int, boxed: bool, device: str) -> None:
    picture, gain, box = case(device, size)
    theirs = picture.double()
    reference.shade(theirs, gain.double(), box.double() if boxed else None)
    shade(picture, gain, box if boxed else None, "triton")
    assert float((picture - theirs).norm() / theirs.norm()) < 1e-5


def test_what_does_not_fit_is_told() -> None:
    picture, gain, box = case()
    with pytest.raises(ValueError, match="the picture must be contiguous"):
        shade(picture.transpose(2, 3), gain, box)
    with pytest.raises(ValueError, match=r"3 pictures want as many square gains, and boxes, got \(2, 1, 12, 12\), \(3"):
        shade(picture, gain[:2], box)
