"""Maps beyond an outline: what they mean, and numba against the reference."""

import pytest
import torch

from kernels.outline import continue_outwards

cpu_backends = pytest.mark.parametrize("backend", ["reference", "numba"])


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_numba_equals_the_reference(reach: int) -> None:
    maps, covered = random_maps(), (torch.rand(2, 1, 20, 20, generator=seeded(6)) > 0.95).float()
    expected = continue_outwards(maps, covered, reach, "reference")
    assert torch.allclose(continue_outwards(maps, covered, reach, "numba"), expected, atol=1e-5)
    assert (expected != maps).any() and (expected == maps)[covered.expand_as(maps) < 0.5].any()


@cpu_backends
def test_cells_beside_the_outline_get_the_mean_of_what_is_covered_near_them(backend: str) -> None:
    maps, covered = torch.full((1, 1, 9, 9), 100.0), torch.zeros(1, 1, 9, 9)
    covered[..., :2] = 1
    maps[..., 0], maps[..., 1] = 1.0, 3.0
    for reach, expected in ((2, [2.0, 3.0]), (3, [2.0, 2.0, 3.0])):
        continued = continue_outwards(maps, covered, reach, backend)[0, 0]
        assert torch.allclose(continued[4], torch.tensor([1.0, 3.0, *expected, *[100.0] * (7 - reach)]))


@cpu_backends
def test_only_what_is_covered_is_read(backend: str) -> None:
    maps, covered = random_maps(), torch.zeros(2, 1, 20, 20)
    covered[..., 6:13, 8:11] = 1
    expected = continue_outwards(maps, covered, 2, backend)
    within = torch.nn.functional.max_pool2d(covered, 5, 1, 2) > 0
    others = torch.where(covered > 0, maps, torch.full_like(maps, 9.0))
    assert torch.allclose(continue_outwards(others, covered, 2, backend)[within.expand_as(maps)],
                          expected[within.expand_as(maps)])  # fmt: skip


@cpu_backends
def test_the_maps_that_are_given_stay_as_they_are(backend: str) -> None:
    maps, covered = random_maps(), torch.zeros(2, 1, 20, 20)
    before = maps.clone()
    assert torch.equal(continue_outwards(maps, covered, 2, backend), before)
    covered[..., 2, 2] = 1
    assert not torch.equal(continue_outwards(maps, covered, 2, backend), before)
    assert torch.equal(maps, before)


def random_maps() -> torch.Tensor:
    """(2, 3, 20, 20)."""
    return torch.randn(2, 3, 20, 20, generator=seeded(5))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
