"""Pixels filled from their row: the kernel equals the reference, and others stay."""

import pytest
import torch

from kernels.row_fill import fill_from_row


def given(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    noise = torch.Generator().manual_seed(batch)
    colours = torch.rand(batch, 3, 7, 19, generator=noise)
    return colours, (torch.rand(batch, 1, 7, 19, generator=noise) > 0.6).float()


@pytest.mark.parametrize(("reach", "step"), [(6, 3), (6, 4), (24, 6), (1, 1)])
def test_numba_equals_the_reference(reach: int, step: int) -> None:
    colours, vacated = given()
    found, expected = (fill_from_row(colours, vacated, reach, step, backend) for backend in ("numba", "reference"))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("backend", ["reference", "numba"])
def test_a_gap_is_filled_by_what_surrounds_it_and_all_else_stays(backend: str) -> None:
    colours, vacated = torch.full((1, 3, 4, 20), 0.25), torch.zeros(1, 1, 4, 20)
    colours[..., 8:11], vacated[..., 8:11] = 0.9, 1
    colours[:, :, 0, 0] = 0.7
    found = fill_from_row(colours, vacated, 6, 3, backend)
    assert torch.allclose(found[..., 1:], torch.tensor(0.25)) and torch.equal(found[:, :, 0, 0], colours[:, :, 0, 0])


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match="backend"):
        fill_from_row(*given(), 6, 3, "none")
