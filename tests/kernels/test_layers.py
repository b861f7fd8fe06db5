"""Images behind and before a picture: the formula, and numba against the reference."""

import pytest
import torch
from torch import Tensor

from kernels.layers import lay_between, lay_over, reference

SIZE = 24
cpu_backends = pytest.mark.parametrize("backend", ["reference", "numba"])


def images(count: int) -> tuple[Tensor, ...]:
    """Premultiplied images (2, 4, S, S), half covered; the first picture of the last one is empty."""
    random = torch.Generator().manual_seed(6)
    made = []
    for _ in range(count):
        image = torch.rand(2, 4, SIZE, SIZE, generator=random)
        image[:, 3, :, 5:9], image[:, 3, : SIZE // 3] = 1, 0
        image[:, :3] *= image[:, 3:]
        made.append(image)
    made[-1][0] = 0
    return tuple(made)


@cpu_backends
def test_images_hide_what_is_behind_them_by_their_alpha(backend: str) -> None:
    picture, behind, before = images(3)
    behind[:] = 0
    before[1, :, 12, 6] = torch.tensor([0.1, 0.2, 0.3, 0.5])
    behind[1, :, 2, 2] = torch.tensor([0.0, 0.0, 0.0, 1.0])
    expected = picture[1, :, 12, 6] * 0.5 + before[1, :, 12, 6]
    over = lay_over(picture[:, :3].contiguous(), before, backend)
    lay_between(picture, behind, before, backend)
    assert torch.allclose(picture[1, :, 12, 6], expected) and torch.allclose(over[1, :, 12, 6], expected[:3])
    assert picture[1, 3, 2, 2] == 1 and picture[1, 3, 2, 3] == 0


def test_numba_equals_the_reference() -> None:
    picture, behind, before = images(3)
    colours = picture[:, :3].contiguous()
    assert torch.allclose(lay_over(colours, before, "numba"), reference.lay_over(colours, before), atol=1e-6)
    expected = picture.clone()
    reference.lay_between(expected, behind, before)
    lay_between(picture, behind, before, "numba")
    assert torch.allclose(picture, expected, atol=1e-6)


def test_sizes_that_do_not_fit_are_refused() -> None:
    picture, image = images(2)
    with pytest.raises(ValueError, match=r"a picture of 3 channels wants images of 4 .*got \(2, 4, 24, 24\)"):
        lay_over(picture, image)
    with pytest.raises(ValueError, match="wants images of 4"):
        lay_between(picture, image, image[:1])
    with pytest.raises(ValueError, match="must be contiguous"):
        lay_between(picture.mT, image, image)
