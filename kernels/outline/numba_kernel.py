"""`continue_outwards` on a CPU: the rows that the outline passes, one by one, compiled by numba."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from kernels.sampling.numba_kernel import ONE, ZERO, compiled, part
from kernels.sampling.numba_runs import count_above_zero
from kernels.tape.opaque import recorded_whole

BLOCK = 32  # columns


@recorded_whole
def continue_outwards(maps: Tensor, covered: Tensor, reach: int) -> Tensor:
    """See `kernels.outline.continue_outwards`."""
    maps, masks = maps.contiguous(), covered.contiguous().numpy()
    out = maps.clone()
    for i in range(len(out)):
        continue_maps(maps[i].numpy(), masks[i, 0], reach, out[i].numpy())
    return out


@compiled
def continue_maps(maps, covered, reach, out):  # type: ignore[no-untyped-def]
    """One picture's maps (K, n, n) into out, which holds a copy of them; covered: (n, n)."""
    size = covered.shape[0]
    columns = np.zeros(size + 2 * reach, np.float32), np.zeros(size + 2 * reach, np.float32)
    continue_rows(maps, covered, reach, columns, np.empty(size, np.float32), np.empty(size, np.float32), out)


@part
def continue_rows(maps, covered, reach, columns, counts, sums, out):  # type: ignore[no-untyped-def]
    """`continue_maps`. columns: two arrays (n + 2 · reach,) of 0, and counts, sums: (n,), all of which are overwritten.

    Covered cells are counted for each column in a sliding window of 2 · reach + 1 rows: from row to row one row is
    added and one subtracted. All else is computed in the blocks of columns that the outline passes.
    """
    heights, values = columns
    size, window = covered.shape[0], 2 * reach + 1
    middle = heights[reach : reach + size]
    for y in range(-reach, size):
        if y + reach < size:
            count_covered(covered[y + reach], ONE, middle)
        if y - reach > 0:
            count_covered(covered[y - reach - 1], -ONE, middle)
        if y < 0:
            continue
        for start in range(0, size, BLOCK):
            stop = min(start + BLOCK, size)
            here = covered[y, start:stop]
            if count_above_zero(here) == stop - start or count_above_zero(heights[start : stop + 2 * reach]) == 0:
                continue
            add_neighbours(heights[start : stop + 2 * reach], window, counts[start:stop])
            left, right = max(start - reach, 0), min(stop + reach, size)
            for k in range(maps.shape[0]):
                inside = values[reach + left : reach + right]
                inside[:] = ZERO
                for row in range(max(y - reach, 0), min(y + reach + 1, size)):
                    add_covered(maps[k, row, left:right], covered[row, left:right], inside)
                add_neighbours(values[start : stop + 2 * reach], window, sums[start:stop])
                fill_uncovered(here, counts[start:stop], sums[start:stop], out[k, y, start:stop])


@part
def count_covered(covered, step, sums):  # type: ignore[no-untyped-def]
    """Add `step` to each of a row (n,) that is covered."""
    for x in range(covered.shape[0]):
        sums[x] += step if covered[x] > ZERO else ZERO


@part
def add_covered(values, covered, sums):  # type: ignore[no-untyped-def]
    """Add the values of a row (n,) where it is covered."""
    for x in range(covered.shape[0]):
        sums[x] += values[x] if covered[x] > ZERO else ZERO


@part
def add_neighbours(values, count, out):  # type: ignore[no-untyped-def]
    """Sums (n,) of each value and those to the right of it, `count` in all."""
    size = out.shape[0]
    out[:] = ZERO
    for step in range(count):
        add_row(values[step : step + size], out)


@part
def add_row(values, sums):  # type: ignore[no-untyped-def]
    """Add the values of a row (n,)."""
    for x in range(sums.shape[0]):
        sums[x] += values[x]


@part
def fill_uncovered(covered, counts, sums, out):  # type: ignore[no-untyped-def]
    """The mean in the cells that are not covered, and have others within reach that are; the others stay."""
    for x in range(out.shape[0]):
        mean = sums[x] / max(counts[x], ONE)
        out[x] = mean if (counts[x] > ZERO) & (covered[x] <= ZERO) else out[x]
