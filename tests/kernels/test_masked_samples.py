"""Samples where they are wanted: the kernel equals the reference, which is `grid_sample` there."""

import pytest
import torch
from torch.nn.functional import grid_sample

from kernels.masked_samples import sample_where


def given(batch: int, times: int, channels_last: bool = False) -> tuple[torch.Tensor, ...]:
    """maps, place, wanted; some places lie beyond the maps."""
    noise = torch.Generator().manual_seed(7)
    maps = torch.rand(batch, 5, 6, 9, generator=noise)
    place = 2.6 * torch.rand(batch * times, 7, 11, 2, generator=noise) - 1.3
    wanted = (torch.rand(batch * times, 1, 7, 11, generator=noise) - 0.5).clamp_min(0)
    wanted[:, :, 3] = 0
    return maps.contiguous(memory_format=torch.channels_last) if channels_last else maps, place, wanted


@pytest.mark.parametrize(
    ("batch", "times", "channels_last"), [(1, 1, False), (1, 2, True), (2, 1, True), (2, 2, False)]
)
def test_numba_equals_the_reference(batch: int, times: int, channels_last: bool) -> None:
    arguments = given(batch, times, channels_last)
    found, expected = (sample_where(*arguments, backend=backend) for backend in ("numba", "reference"))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("backend", ["reference", "numba"])
def test_wanted_pixels_are_samples_of_each_batch_and_others_are_0(backend: str) -> None:
    maps, place, wanted = given(2, 2)
    found = sample_where(maps, place, wanted, backend)
    expected = grid_sample(torch.cat([maps, maps]), place, "bilinear", "border", False)
    shown = (wanted > 0).expand_as(found)
    torch.testing.assert_close(found[shown], expected[shown], rtol=0, atol=1e-6)
    assert not found[~shown].any() and shown.any() and not shown.all()


def test_places_that_are_not_finite_are_read_within_the_maps() -> None:
    maps, place, wanted = given(1, 1)
    place[:, 0], place[:, 1], place[:, 2] = float("nan"), float("inf"), float("-inf")
    assert sample_where(maps, place, wanted, "numba").shape == (1, 5, 7, 11)


def test_places_and_shares_that_do_not_fit_are_refused() -> None:
    maps, place, wanted = given(2, 2)
    for others in ((maps, place[:3], wanted[:3]), (maps, place, wanted[:, :, :5])):
        with pytest.raises(ValueError, match="whole batches of places"):
            sample_where(*others)
