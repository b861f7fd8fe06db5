"""Close-ups on the cells of a focus box: where they replace the network's edit, and what they add to the flow.

The torch reference is the specification; the numba kernel touches only the cells that a window covers.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from kernels.backend import choose
from kernels.closeup_maps import reference
from kernels.closeup_maps.window_maps import WindowMaps

__all__ = ["WindowMaps", "closeup_maps"]


def closeup_maps(box: Tensor, windows: Sequence[WindowMaps], cells: int, backend: str = "auto") -> Tensor:
    """(B, 3, cells, cells) on boxes (B, 3), centre x, y and half side in canvas units: the largest influence of any of
    the windows, 0..1, and the sum of their flows, x and y in canvas units.

    Maps are sampled bilinearly, as if they were 0 beyond their windows. backend: see `kernels.backend`; an unknown one
    raises ValueError.
    """
    given = [part for maps in windows for part in maps]
    if choose(backend, box, *given, backends=("numba",)) == "numba":
        from kernels.closeup_maps import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        return numba_kernel.closeup_maps(box, windows, cells)
    return reference.closeup_maps(box, windows, cells)
