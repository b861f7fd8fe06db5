"""Fill pixels of a window with the median of what lies in their row to both sides, as where an eye was.

The torch reference is the specification; the numba kernel computes only in the pixels that are filled.
"""

from __future__ import annotations

from torch import Tensor

from kernels.backend import choose
from kernels.row_fill import reference

__all__ = ["fill_from_row"]


def fill_from_row(colours: Tensor, vacated: Tensor, reach: int, step: int, backend: str = "auto") -> Tensor:
    """Colours (B, C, n, m) in which each pixel that is vacated (B, 1, n, m), 0 or 1, has the median of every `step`th
    pixel of its row up to `reach` pixels to both sides, with the border repeated; the lower one of two medians.

    backend: see `kernels.backend`; an unknown one raises ValueError.
    """
    if choose(backend, colours, vacated, backends=("numba",)) == "numba":
        from kernels.row_fill import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        return numba_kernel.fill_from_row(colours, vacated, reach, step)
    return reference.fill_from_row(colours, vacated, reach, step)
