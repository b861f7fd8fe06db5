"""Where in a row shares are above 0, or 1: looked at a block at a time, which is vectorised, compiled by numba."""

from __future__ import annotations

import numpy as np

from kernels.sampling.numba_kernel import ONE, ZERO, part

BLOCK = 32  # pixels


@part
def span_above_zero(shares):  # type: ignore[no-untyped-def]
    """The first pixel of a row (S,) with a share above 0, and the one after the last; both the row's end if none."""
    first, last = 0, shares.shape[0]
    while first + BLOCK <= last and count_above_zero(shares[first : first + BLOCK]) == 0:
        first += BLOCK
    while first < last and not shares[first] > ZERO:
        first += 1
    while first <= last - BLOCK and count_above_zero(shares[last - BLOCK : last]) == 0:
        last -= BLOCK
    while first < last and not shares[last - 1] > ZERO:
        last -= 1
    return np.uint64(first), np.uint64(last)


@part
def longest_run_of_one(shares, start, stop):  # type: ignore[no-untyped-def]
    """The first pixel of the longest run with shares of 1 from `start` up to `stop`, and the one after its last; `stop`
    twice if there is none.
    """
    first, last, x = stop, stop, start
    while x < stop:
        if shares[x] >= ONE:
            begin = x
            x = end_of_ones(shares, x, stop)
            if x - begin > last - first:
                first, last = begin, x
        x += np.uint64(1)
    return first, last


@part
def end_of_ones(shares, begin, stop):  # type: ignore[no-untyped-def]
    """The first pixel from `begin` up to `stop` with another share than 1, else `stop`."""
    x = begin
    while x + np.uint64(BLOCK) <= stop and are_all_one(shares, x):
        x += np.uint64(BLOCK)
    while x < stop and shares[x] >= ONE:
        x += np.uint64(1)
    return x


@part
def count_above_zero(shares):  # type: ignore[no-untyped-def]
    """How many of a row (n,) are above 0: even whether any is takes less time so, since leaving a loop early cannot be
    vectorised.
    """
    above = 0
    for x in range(shares.shape[0]):
        above += shares[x] > ZERO
    return above


@part
def are_all_one(shares, begin):  # type: ignore[no-untyped-def]
    """Whether a block from `begin` on has no share below 1."""
    ones = 0
    for x in range(BLOCK):
        ones += shares[begin + np.uint64(x)] >= ONE
    return ones == BLOCK
