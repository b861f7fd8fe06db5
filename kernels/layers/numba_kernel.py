"""`lay_over` and `lay_between` on a CPU, compiled by numba: rows without any coverage are not computed."""

from __future__ import annotations

import torch
from torch import Tensor

from kernels.sampling.numba_kernel import ONE, compiled
from kernels.sampling.numba_runs import count_above_zero

ALPHA = 3  # channel


def lay_over(colours: Tensor, above: Tensor) -> Tensor:
    """See `kernels.layers.lay_over`."""
    out = torch.empty(colours.shape)
    for i in range(len(out)):
        lay_picture_over(*(part[i].contiguous().numpy() for part in (colours, above)), out[i].numpy())
    return out


def lay_between(picture: Tensor, behind: Tensor, before: Tensor) -> None:
    """See `kernels.layers.lay_between`."""
    for i in range(len(picture)):
        lay_picture_between(picture[i].numpy(), *(image[i].contiguous().numpy() for image in (behind, before)))


@compiled
def lay_picture_over(colours, above, out):  # type: ignore[no-untyped-def]
    """One picture: colours (3, S, S), above (4, S, S), out (3, S, S)."""
    for y in range(out.shape[1]):
        covered = count_above_zero(above[ALPHA, y]) > 0
        for c in range(3):
            if covered:
                cover_row(colours[c, y], above[c, y], above[ALPHA, y], out[c, y])
            else:
                out[c, y] = colours[c, y]


@compiled
def lay_picture_between(picture, behind, before):  # type: ignore[no-untyped-def]
    """One picture (4, S, S), in place; behind, before: (4, S, S)."""
    for y in range(picture.shape[1]):
        alpha = picture[ALPHA, y]
        if count_above_zero(behind[ALPHA, y]) > 0:
            cover_row(alpha, behind[ALPHA, y], behind[ALPHA, y], alpha)
        if count_above_zero(before[ALPHA, y]) > 0:
            for c in range(4):
                cover_row(picture[c, y], before[c, y], before[ALPHA, y], picture[c, y])


@compiled
def cover_row(below, above, alpha, out):  # type: ignore[no-untyped-def]
    """One channel of a row with a premultiplied one above it; out may be `below`."""
    for x in range(out.shape[0]):
        out[x] = below[x] * (ONE - alpha[x]) + above[x]
