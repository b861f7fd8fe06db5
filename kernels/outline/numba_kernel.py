"""`continue_outwards` on a CPU: the rows that the outline passes, one by one, compiled by numba."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from kernels.sampling.numba_kernel import ONE, ZERO, compiled, part
from kernels.tape.opaque import recorded_whole


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
    rows = np.zeros(size + 2 * reach, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    continue_rows(maps, covered, reach, rows, out)


@part
def continue_rows(maps, covered, reach, rows, out):  # type: ignore[no-untyped-def]
    """`continue_maps`. rows: arrays that are overwritten, (n + 2 · reach,) with ends of 0, (n,) and (n,)."""
    padded, counts, sums = rows
    size = covered.shape[0]
    middle = padded[reach : reach + size]
    for y in range(size):
        top, bottom = max(y - reach, 0), min(y + reach + 1, size)
        middle[:] = ZERO
        for row in range(top, bottom):
            count_covered(covered[row], middle)
        add_neighbours(padded, 2 * reach + 1, counts)
        if not is_beside_outline(covered[y], counts):
            continue
        for k in range(maps.shape[0]):
            middle[:] = ZERO
            for row in range(top, bottom):
                add_covered(maps[k, row], covered[row], middle)
            add_neighbours(padded, 2 * reach + 1, sums)
            fill_uncovered(covered[y], counts, sums, out[k, y])


@part
def count_covered(covered, sums):  # type: ignore[no-untyped-def]
    """Add 1 to each of a row (n,) that is covered."""
    for x in range(covered.shape[0]):
        sums[x] += ONE if covered[x] > ZERO else ZERO


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
def is_beside_outline(covered, counts):  # type: ignore[no-untyped-def]
    """Whether any cell of a row (n,) is not covered, and has others within reach that are."""
    found = 0
    for x in range(counts.shape[0]):
        found += (counts[x] > ZERO) & (covered[x] <= ZERO)
    return found > 0


@part
def fill_uncovered(covered, counts, sums, out):  # type: ignore[no-untyped-def]
    """The mean in the cells of `is_beside_outline`; the others stay."""
    for x in range(out.shape[0]):
        mean = sums[x] / max(counts[x], ONE)
        out[x] = mean if (counts[x] > ZERO) & (covered[x] <= ZERO) else out[x]
