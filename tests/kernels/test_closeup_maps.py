"""Close-ups on the cells of a focus box: what they mean, and numba against the reference."""

import pytest
import torch

from kernels.closeup_maps import WindowMaps, closeup_maps

CELLS = 24
cpu_backends = pytest.mark.parametrize("backend", ["reference", "numba"])


def window(x: float, y: float, across: tuple[float, float]) -> torch.Tensor:
    """A window (1, 6) around a place of the canvas."""
    return torch.tensor([[x, y, *across, -across[1], across[0]]])


def noise(batch: int, seed: int) -> list[WindowMaps]:
    """Three windows of maps with values up to their borders; one is turned, one mirrored, one lies half outside."""
    random = torch.Generator().manual_seed(seed)
    rows = window(0.1, -0.2, (0.3, 0.12)), window(-0.3, 0.2, (-0.2, 0.0)), window(0.7, 0.8, (0.2, -0.1))
    made = []
    for row, side in zip(rows, (12, 8, 10), strict=True):
        moved = row.repeat(batch, 1)
        moved[:, :2] += 0.02 * torch.randn(batch, 2, generator=random)
        influence = torch.rand(batch, 1, side, side, generator=random)
        made.append(WindowMaps(moved, influence, torch.randn(batch, 2, side // 2, side // 2, generator=random)))
    return made


@pytest.mark.parametrize("box", [(0.0, 0.0, 1.0), (0.2, 0.1, 0.5)])
def test_numba_equals_the_reference(box: tuple[float, float, float]) -> None:
    boxes, windows = torch.tensor([box, (0.0, 0.3, 0.7)]), noise(2, 4)
    expected = closeup_maps(boxes, windows, CELLS, "reference")
    assert torch.allclose(closeup_maps(boxes, windows, CELLS, "numba"), expected, atol=1e-4)
    assert (expected[:, :1] > 0.5).any() and (expected[:, 1:].abs() > 0.05).any()


@cpu_backends
def test_flows_are_in_canvas_units_along_the_window(backend: str) -> None:
    flow = torch.tensor([0.5, -1.0]).view(1, 2, 1, 1).expand(1, 2, 6, 6)
    maps = WindowMaps(window(0.0, 0.0, (0.4, 0.2)), torch.ones(1, 1, 6, 6), flow)
    drawn = closeup_maps(torch.tensor([[0.0, 0.0, 1.0]]), [maps], CELLS, backend)[0, :, CELLS // 2, CELLS // 2]
    assert torch.allclose(drawn, torch.tensor([1.0, 0.5 * 0.4 + 0.2, 0.5 * 0.2 - 0.4]), atol=1e-5)


@cpu_backends
def test_no_window_and_one_that_is_nowhere_change_nothing(backend: str) -> None:
    box = torch.tensor([[0.0, 0.0, 1.0]])
    assert not closeup_maps(box, [], CELLS, backend).any()
    far = WindowMaps(window(9.0, 0.0, (0.3, 0.0)), torch.ones(1, 1, 4, 4), torch.ones(1, 2, 4, 4))
    assert not closeup_maps(box, [far], CELLS, backend).any()


def test_a_window_of_nan_covers_nothing() -> None:
    maps = WindowMaps(window(float("nan"), 0.0, (0.3, 0.0)), torch.ones(1, 1, 4, 4), torch.ones(1, 2, 4, 4))
    assert not closeup_maps(torch.tensor([[0.0, 0.0, 1.0]]), [maps], CELLS, "numba").any()
