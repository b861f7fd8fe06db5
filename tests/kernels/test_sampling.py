"""Rows of resized maps on a CPU, and where in them shares are 0 or 1."""

import numpy as np
import pytest
import torch

from kernels.sampling import resize_map
from kernels.sampling.numba_kernel import resize_rows, row_sampler
from kernels.sampling.numba_runs import BLOCK, end_of_ones, longest_run_of_one, span_above_zero

SIZE = 70  # no multiple of the block


@pytest.mark.parametrize("box", [None, (0.2, -0.3, 0.5)])
@pytest.mark.parametrize("shape", [(2, 7, 9), (1, 1, 1), (3, 2, 1)])
def test_resize_rows_gives_rows_of_a_resized_map(shape: tuple[int, int, int], box: tuple[float, ...] | None) -> None:
    maps = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    expected = resize_map(maps[None], SIZE, None if box is None else torch.tensor([box]))[0]
    x, y, half = (np.float32(value) for value in box or (0, 0, 1))
    sampler, row = row_sampler(maps.numpy(), x, half, SIZE), np.empty((shape[0], SIZE), np.float32)
    for number in range(SIZE):
        v = np.float32(((2 * number + 1) / SIZE - 1 - y) / half)
        is_one_value = resize_rows(maps.numpy(), v, sampler, row)
        assert np.allclose(row, expected[:, number], atol=1e-5)
        assert not is_one_value or all(np.ptp(channel) == 0 for channel in row)


def test_resize_rows_tells_rows_of_one_value() -> None:
    maps = np.ones((1, 3, 4), np.float32)
    maps[0, 2, 1] = 0
    sampler, row = row_sampler(maps, np.float32(0), np.float32(1), SIZE), np.empty((1, SIZE), np.float32)
    assert resize_rows(maps, np.float32(-0.9), sampler, row) and (row == 1).all()
    assert not resize_rows(maps, np.float32(0.9), sampler, row)


@pytest.mark.parametrize(("first", "last"), [(0, 70), (3, 4), (31, 66), (BLOCK, 2 * BLOCK), (69, 70)])
def test_span_above_zero_ends_at_the_outermost_shares(first: int, last: int) -> None:
    shares = np.zeros(SIZE, np.float32)
    shares[[first, last - 1]] = 0.1
    assert span_above_zero(shares) == (first, last)


def test_span_above_zero_of_nothing_is_empty() -> None:
    assert span_above_zero(np.zeros(SIZE, np.float32)) == (SIZE, SIZE)


def test_longest_run_of_one_is_found_between_start_and_stop() -> None:
    shares = np.full(SIZE, 0.5, np.float32)
    shares[2:5], shares[20:60], shares[62:70] = 1, 1, 1
    stop = np.uint64(65)
    assert longest_run_of_one(shares, np.uint64(0), stop) == (20, 60)
    assert longest_run_of_one(shares, np.uint64(25), np.uint64(40)) == (25, 40)
    assert longest_run_of_one(np.zeros(SIZE, np.float32), np.uint64(3), stop) == (65, 65)
    assert end_of_ones(shares, np.uint64(22), stop) == 60 and end_of_ones(shares, np.uint64(5), stop) == 5
