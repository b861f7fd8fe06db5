"""Bilinear samples of textures whose four channels lie side by side, compiled by numba."""

from __future__ import annotations

import numpy as np

from kernels.sampling.numba_kernel import ONE, compiled


@compiled
def sample_texels(texels, side, texel, offset, start, stop, moved):  # type: ignore[no-untyped-def]
    """Bilinear samples (4, S) of a square texture, from `start` up to `stop`. Unrolled, and with unsigned indices, for
    which numba handles no negative values.
    """
    row = np.uint64(4 * side)
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    for x in range(start, stop):
        nw, sw = np.uint64(texel[x]), np.uint64(texel[x]) + row
        ne, se = nw + four, sw + four
        east, south = offset[0, x], offset[1, x]
        b, d = east * (ONE - south), east * south
        a, c = ONE - south - b, south - d
        moved[0, x] = a * texels[nw] + b * texels[ne] + c * texels[sw] + d * texels[se]
        moved[1, x] = a * texels[nw + one] + b * texels[ne + one] + c * texels[sw + one] + d * texels[se + one]
        moved[2, x] = a * texels[nw + two] + b * texels[ne + two] + c * texels[sw + two] + d * texels[se + two]
        moved[3, x] = a * texels[nw + three] + b * texels[ne + three] + c * texels[sw + three] + d * texels[se + three]
