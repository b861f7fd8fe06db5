"""Maps of a surface, continued a little beyond its outline, where pixels are covered in part.

The torch reference is the specification; the numba kernel computes only in rows that the outline passes.
"""

from __future__ import annotations

from torch import Tensor

from kernels.backend import choose
from kernels.outline import reference

__all__ = ["continue_outwards"]


def continue_outwards(maps: Tensor, covered: Tensor, reach: int, backend: str = "auto") -> Tensor:
    """Maps (B, K, n, n) in which each cell that is not covered has the mean of the covered ones within `reach` cells of
    it, where there are any. covered: (B, 1, n, n), 0 or 1. backend: see `kernels.backend`; an unknown one raises
    ValueError.
    """
    if choose(backend, maps, covered, backends=("numba",)) == "numba":
        from kernels.outline import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        return numba_kernel.continue_outwards(maps, covered, reach)
    return reference.continue_outwards(maps, covered, reach)
