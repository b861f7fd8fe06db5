"""Maps beyond an outline: what they mean, and numba against the reference."""

import pytest
import torch

from kernels.outline import continue_outwards

cpu_backends = pytest.mark.parametrize("backend", ["reference", "numba"])


def test_numba_equals_the_reference() -> None:
    random = torch.Generator().manual_seed(5)
    maps = torch.randn(2, 3, 20, 20, generator=random)
    covered = (torch.rand(2, 1, 20, 20, generator=random) > 0.9).float()
    expected = continue_outwards(maps, covered, "reference")
    assert torch.allclose(continue_outwards(maps, covered, "numba"), expected, atol=1e-5)
    assert (expected != maps).any() and (expected == maps)[covered.expand_as(maps) < 0.5].any()


@cpu_backends
def test_cells_beside_the_outline_get_the_mean_of_what_is_covered_near_them(backend: str) -> None:
    maps, covered = torch.full((1, 1, 9, 9), 100.0), torch.zeros(1, 1, 9, 9)
    covered[..., :2] = 1
    maps[..., 0], maps[..., 1] = 1.0, 3.0
    continued = continue_outwards(maps, covered, backend)[0, 0]
    assert torch.allclose(continued[4], torch.tensor([1.0, 3.0, 2.0, 3.0, *[100.0] * 5]))


@cpu_backends
def test_the_maps_that_are_given_stay_as_they_are(backend: str) -> None:
    maps, covered = torch.randn(1, 2, 6, 6), torch.zeros(1, 1, 6, 6)
    assert torch.equal(continue_outwards(maps, covered, backend), maps)
    covered[..., 2, 2] = 1
    before = maps.clone()
    assert continue_outwards(maps, covered, backend) is not maps
    assert torch.equal(maps, before)
