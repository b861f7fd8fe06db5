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
    size = covered.shape[0]
    near, reach = np.empty(size, np.float32), np.int64(REACH)
    for y in range(size):
        top, bottom = max(y - reach, 0), min(y + reach + 1, size)
        columns_covered(covered, top, bottom, near)
        for x in range(size):
            if covered[y, x] > ZERO:
                continue
            left, right = max(x - reach, 0), min(x + reach + 1, size)
            count = ZERO
            for column in range(left, right):
                count += near[column]
            if count > ZERO:
                for k in range(maps.shape[0]):
                    maps[k, y, x] = sum_covered(maps[k], covered, top, bottom, left, right) / count


@part
def columns_covered(covered, top, bottom, near):  # type: ignore[no-untyped-def]
    """How many cells of each column (n,) are covered in these rows."""
    for x in range(near.shape[0]):
        near[x] = ZERO
    for row in range(top, bottom):
        for x in range(near.shape[0]):
            near[x] += ONE if covered[row, x] > ZERO else ZERO


@part
def sum_covered(plane, covered, top, bottom, left, right):  # type: ignore[no-untyped-def]
    """The sum of what is covered in a rectangle of a plane (n, n)."""
    total = ZERO
    for row in range(top, bottom):
        for column in range(left, right):
            if covered[row, column] > ZERO:
                total += plane[row, column]
    return total
