"""`fill_from_row` on a CPU: the pixels that are filled, one by one, compiled by numba."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from kernels.sampling.numba_kernel import ZERO, compiled, part
from kernels.tape.opaque import recorded_whole


@recorded_whole
def fill_from_row(colours: Tensor, vacated: Tensor, reach: int, step: int) -> Tensor:
    """See `kernels.row_fill.fill_from_row`."""
    colours, masks = colours.contiguous(), vacated.contiguous().numpy()
    out = colours.clone()
    for i in range(len(out)):
        fill_picture(colours[i].numpy(), masks[i, 0], reach, step, out[i].numpy())
    return out


@compiled
def fill_picture(colours, vacated, reach, step, out):  # type: ignore[no-untyped-def]
    """One picture (C, n, m) into out, which holds a copy of it; vacated: (n, m)."""
    values = np.empty(2 * reach // step + 1, np.float32)
    for y in range(vacated.shape[0]):
        for x in range(vacated.shape[1]):
            if vacated[y, x] > ZERO:
                for c in range(colours.shape[0]):
                    out[c, y, x] = median_around(colours[c, y], x, reach, step, values)


@part
def median_around(row, x, reach, step, values):  # type: ignore[no-untyped-def]
    """The median around a pixel of a row (m,). values: as many as are compared, which are overwritten in order."""
    for n in range(values.shape[0]):
        value = row[min(max(x - reach + n * step, 0), row.shape[0] - 1)]
        place = n
        while place > 0 and values[place - 1] > value:
            values[place] = values[place - 1]
            place -= 1
        values[place] = value
    return values[(values.shape[0] - 1) // 2]
