"""Single samples of small planes, compiled by numba."""

from __future__ import annotations

import numpy as np

from kernels.sampling.numba_kernel import HALF, ONE, ZERO, part

FARTHEST = np.float32(2)  # from the middle of a plane, beyond which nothing of it is sampled


@part
def sample_inside(plane, s, t):  # type: ignore[no-untyped-def]
    """A bilinear sample of a square plane at s, t, −1..1 over it, as if it were 0 beyond; 0 for NaN."""
    if not (abs(s) < FARTHEST and abs(t) < FARTHEST):
        return ZERO
    side = np.int32(plane.shape[0])
    across, down = ((s + ONE) * side - ONE) * HALF, ((t + ONE) * side - ONE) * HALF
    left, top = np.int32(np.floor(across)), np.int32(np.floor(down))
    east, south = np.float32(across) - np.float32(left), np.float32(down) - np.float32(top)
    upper = sample_row(plane, top, left, east) if 0 <= top < side else ZERO
    lower = sample_row(plane, top + 1, left, east) if -1 <= top < side - 1 else ZERO
    return (ONE - south) * upper + south * lower


@part
def sample_row(plane, row, left, east):  # type: ignore[no-untyped-def]
    """Interpolate between two neighbours in a row of a plane, as if it were 0 beyond."""
    first = plane[row, left] if 0 <= left < plane.shape[1] else ZERO
    second = plane[row, left + 1] if -1 <= left < plane.shape[1] - 1 else ZERO
    return (ONE - east) * first + east * second
