"""`continue_outwards` on a CPU: the cells along the outline, one by one, compiled by numba."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from kernels.outline.reference import REACH
from kernels.sampling.numba_kernel import ONE, ZERO, compiled, part
from kernels.tape.opaque import recorded_whole


@recorded_whole
def continue_outwards(maps: Tensor, covered: Tensor) -> Tensor:
    """See `kernels.outline.continue_outwards`."""
    out, masks = maps.contiguous().clone(), covered.contiguous().numpy()
    for i in range(len(out)):
        continue_maps(out[i].numpy(), masks[i, 0])
    return out


@compiled
def continue_maps(maps, covered):  # type: ignore[no-untyped-def]
    """One picture's maps (K, n, n), in place; covered: (n, n). Only cells that are covered are read."""
    size, reach = np.int64(covered.shape[0]), np.int64(REACH)
    for y in range(size):
        top, bottom = max(y - reach, np.int64(0)), min(y + reach + 1, size)
        first, last = size, np.int64(-1)
        for row in range(top, bottom):
            first, last = widen_span(covered[row], first, last)
        for x in range(max(first - reach, np.int64(0)), min(last + reach + 1, size)):
            if covered[y, x] > ZERO:
                continue
            left, right = max(x - reach, np.int64(0)), min(x + reach + 1, size)
            count = count_covered(covered, top, bottom, left, right)
            if count > ZERO:
                for k in range(maps.shape[0]):
                    maps[k, y, x] = sum_covered(maps[k], covered, top, bottom, left, right) / count


@part
def widen_span(covered, first, last):  # type: ignore[no-untyped-def]
    """The first and the last cell, so far, that is covered, widened by those of a row (n,)."""
    x = np.int64(0)
    while x < first and not covered[x] > ZERO:
        x += 1
    first, x = min(first, x), np.int64(covered.shape[0]) - 1
    while x > last and not covered[x] > ZERO:
        x -= 1
    return first, max(last, x)


@part
def count_covered(covered, top, bottom, left, right):  # type: ignore[no-untyped-def]
    """How many cells of a rectangle are covered."""
    count = ZERO
    for row in range(top, bottom):
        for column in range(left, right):
            count += ONE if covered[row, column] > ZERO else ZERO
    return count


@part
def sum_covered(plane, covered, top, bottom, left, right):  # type: ignore[no-untyped-def]
    """The sum of what is covered in a rectangle of a plane (n, n)."""
    total = ZERO
    for row in range(top, bottom):
        for column in range(left, right):
            if covered[row, column] > ZERO:
                total += plane[row, column]
    return total
