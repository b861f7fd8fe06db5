"""`sample_where` on a CPU: the pixels that are wanted, one by one, compiled by numba."""

from __future__ import annotations

import torch
from torch import Tensor

from kernels.sampling.numba_kernel import ONE, ZERO, cell_pair, compiled, part
from kernels.sampling.numba_runs import count_above_zero
from kernels.tape.opaque import recorded_whole


def sample_where(maps: Tensor, place: Tensor, wanted: Tensor) -> Tensor:
    """See `kernels.masked_samples.sample_where`. Maps of a picture are turned round once in a recording."""
    return sample_pixels(maps.permute(0, 2, 3, 1).contiguous(), place, wanted)


@recorded_whole
def sample_pixels(maps: Tensor, place: Tensor, wanted: Tensor) -> Tensor:
    """`sample_where` of maps (B, h, w, C)."""
    out = torch.zeros(len(place), maps.shape[3], *place.shape[1:3])
    cells, places, masks = (part.contiguous().numpy() for part in (maps, place, wanted))
    for i in range(len(out)):
        sample_picture(cells[i % len(cells)], places[i], masks[i, 0], out[i].numpy())
    return out


@compiled
def sample_picture(cells, place, wanted, out):  # type: ignore[no-untyped-def]
    """One picture (h, w, C) into out (C, n, m), which holds 0. place: (n, m, 2); wanted: (n, m)."""
    for y in range(wanted.shape[0]):
        if count_above_zero(wanted[y]) > 0:
            sample_row(cells, place[y], wanted[y], y, out)


@part
def sample_row(cells, place, wanted, y, out):  # type: ignore[no-untyped-def]
    """Row y of `sample_picture`."""
    for x in range(wanted.shape[0]):
        if not wanted[x] > ZERO:
            continue
        west, east, across = cell_pair(place[x, 0], cells.shape[1])
        north, south, down = cell_pair(place[x, 1], cells.shape[0])
        nw, ne = (ONE - down) * (ONE - across), (ONE - down) * across
        sw, se = down * (ONE - across), down * across
        for c in range(cells.shape[2]):
            upper = nw * cells[north, west, c] + ne * cells[north, east, c]
            out[c, y, x] = upper + (sw * cells[south, west, c] + se * cells[south, east, c])
